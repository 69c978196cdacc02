import Units

/// All pieces in one line: each column stands for a run of pieces and shows how many of them are
/// here and, where none is, whether a connected peer has them.
enum PieceMap {
    /// How full a column is.
    struct Column: Equatable {
        var pieces = 0
        var have = 0
        /// Pieces that are neither here nor with any connected peer.
        var unavailable = 0
    }

    static func columns(
        have: Bitfield, availability: [UInt8], width: Int
    ) -> [Column] {
        let count = min(width, have.count)
        guard count > 0 else { return [] }
        var columns = Array(repeating: Column(), count: count)
        let isKnown = availability.count == have.count
        for piece in 0..<have.count {
            // Under 2^31 pieces and 2^31 columns: the product fits.
            let column = piece * count / have.count
            columns[column].pieces += 1
            if have.contains(PieceIndex(piece)) {
                columns[column].have += 1
            } else if isKnown, availability[piece] == 0 {
                columns[column].unavailable += 1
            }
        }
        return columns
    }

    static func line(_ columns: [Column], isUnicode: Bool) -> StyledLine {
        columns.reduce(into: StyledLine()) { line, column in
            let glyph = glyph(column, isUnicode: isUnicode)
            line.append(String(glyph.character), glyph.style)
        }
    }

    private static func glyph(
        _ column: Column, isUnicode: Bool
    ) -> (character: Character, style: Style) {
        if column.have == column.pieces { return (isUnicode ? "█" : "#", .good) }
        if column.have > 0 {
            let style: Style = column.unavailable > 0 ? .warning : .good
            guard isUnicode else { return ("+", style) }
            let steps: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇"]
            return (steps[min(6, column.have * 7 / column.pieces)], style)
        }
        if column.unavailable == column.pieces { return (isUnicode ? "·" : ".", .bad) }
        return (isUnicode ? "░" : "-", column.unavailable > 0 ? .warning : .dim)
    }
}
