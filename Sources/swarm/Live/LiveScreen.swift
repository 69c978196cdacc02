/// What to send to a terminal so that a block of lines stays in one place and is redrawn there.
/// Keeps what stands on the screen; writes nothing itself.
struct LiveScreen: Sendable {
    private var drawn: [Int] = []
    private var isCursorHidden = false
    /// Whether the lines have the terminal's other screen to themselves.
    private var isWhole = false

    /// Replaces the block. The cursor stays below it, in the first column.
    mutating func draw(_ lines: [StyledLine], width: Int, withColour: Bool) -> String {
        var out = isCursorHidden ? "" : "\u{1B}[?25l"
        isCursorHidden = true
        out += backToTop(width: width)
        for line in lines {
            out += line.rendered(withColour: withColour) + "\u{1B}[K\r\n"
        }
        // What is left of a block that had more lines.
        out += "\u{1B}[J"
        drawn = lines.map(\.columns)
        return out
    }

    /// Replaces the whole screen; what stood on it comes back with `finish`.
    mutating func drawWhole(_ lines: [StyledLine], withColour: Bool) -> String {
        var out = isWhole ? "" : "\u{1B}[?1049h\u{1B}[?25l"
        isWhole = true
        isCursorHidden = true
        out += "\u{1B}[H"
        out += lines.map { $0.rendered(withColour: withColour) + "\u{1B}[K" }
            .joined(separator: "\r\n")
        return out + "\u{1B}[J"
    }

    /// Takes the block away, so that other text can be written in its place.
    mutating func erase(width: Int) -> String {
        guard !drawn.isEmpty else { return "" }
        defer { drawn = [] }
        return backToTop(width: width) + "\u{1B}[J"
    }

    /// Leaves the block on the screen for good and gives the cursor back.
    mutating func finish() -> String {
        drawn = []
        guard isCursorHidden else { return "" }
        isCursorHidden = false
        defer { isWhole = false }
        return (isWhole ? "\u{1B}[?1049l" : "") + "\u{1B}[?25h"
    }

    /// Up over the rows that the block takes now: a terminal that became narrower wrapped them.
    private func backToTop(width: Int) -> String {
        let rows = drawn.reduce(0) { $0 + max(1, ($1 + max(1, width) - 1) / max(1, width)) }
        return rows > 0 ? "\r\u{1B}[\(rows)A" : ""
    }
}
