import JSONText
import Metainfo
import Terminal
import Units

/// Which files of a torrent are what they should be, by what is on disk and which pieces are
/// right.
struct VerifyReport: Equatable, Sendable {
    enum Verdict: Equatable, Sendable {
        case good
        case missing
        /// Bytes on disk, where the torrent has another number.
        case wrongLength(Int64)
        /// The first byte, in the file, of the first piece that is bad.
        case bad(offset: Int64)
        /// Its only bad pieces are shared with files that are missing or of another length, so
        /// that nothing can be said about its part of them.
        case unknown(offset: Int64)
    }

    struct File: Equatable, Sendable {
        let number: Int
        let path: String
        let length: Int64
        let verdict: Verdict
    }

    let name: String
    let files: [File]
    let pieceCount: Int
    let goodPieces: Int

    var isGood: Bool { badFiles.isEmpty && goodPieces == pieceCount }
    var badFiles: [File] { files.filter { $0.verdict != .good } }

    /// - Parameters:
    ///   - good: the pieces whose hashes are right.
    ///   - lengths: bytes on disk by the file's position in the layout; `nil` if it is not there.
    init(name: String, layout: ContentLayout, good: Bitfield, lengths: [Int64?]) {
        let isBroken = { (position: Int) -> Bool in
            let entry = layout.files[position]
            guard !entry.isPad, position < lengths.count else { return false }
            return lengths[position] != entry.length && entry.symlinkTarget == nil
        }
        var files: [File] = []
        for (position, entry) in layout.files.enumerated() where !entry.isPad {
            let verdict = Self.verdict(
                FileIndex(position), layout, good,
                found: position < lengths.count ? lengths[position] : nil, isBroken: isBroken)
            files.append(
                File(
                    number: files.count + 1, path: entry.path.joined(separator: "/"),
                    length: entry.length, verdict: verdict))
        }
        self.name = name
        self.files = files
        self.pieceCount = layout.pieceCount
        self.goodPieces = good.setCount
    }

    private static func verdict(
        _ file: FileIndex, _ layout: ContentLayout, _ good: Bitfield, found: Int64?,
        isBroken: (Int) -> Bool
    ) -> Verdict {
        let entry = layout.files[file.position]
        // What a link points at is a file of its own.
        if entry.symlinkTarget != nil { return .good }
        guard let found else { return .missing }
        guard found == entry.length else { return .wrongLength(found) }
        var unknown: Int64?
        for number in layout.pieces(of: file) {
            let piece = PieceIndex(number)
            guard !good.contains(piece) else { continue }
            let range = layout.byteRange(of: piece)
            let offset = max(0, range.lowerBound - entry.offset)
            var isShared = false
            layout.forEachSegment(of: range) { segment in
                isShared = isShared || isBroken(segment.file.position)
            }
            guard isShared else { return .bad(offset: offset) }
            unknown = unknown ?? offset
        }
        return unknown.map { .unknown(offset: $0) } ?? .good
    }

    // MARK: - Text

    /// One line for each file that is not good, or one that says that all are.
    var lines: [StyledLine] {
        guard !isGood else {
            var line = StyledLine("good  ", .good)
            line.append(terminalSafe(name))
            line.append(
                "  \(countText(files.count, "file")), \(countText(pieceCount, "piece"))", .dim)
            return [line]
        }
        return badFiles.map { file in
            let words = words(file)
            var line = StyledLine(padded(right: words.word, to: 9), words.style)
            line.append(terminalSafe(file.path))
            line.append("  " + words.detail)
            return line
        }
    }

    private func words(_ file: File) -> (word: String, detail: String, style: Style) {
        switch file.verdict {
        case .good: ("good", "", .good)
        case .missing: ("missing", "\(groupedText(file.length)) bytes", .bad)
        case .wrongLength(let found):
            (
                "length",
                "\(groupedText(found)) bytes on disk, \(groupedText(file.length)) in the torrent",
                .bad
            )
        case .bad(let offset): ("bad", "from byte \(groupedText(offset)) on", .bad)
        case .unknown(let offset):
            (
                "unknown",
                "from byte \(groupedText(offset)) on: the piece is shared with a bad file",
                .warning
            )
        }
    }

    var json: JSON {
        [
            "name": .string(name), "good": .bool(isGood), "piece_count": .count(pieceCount),
            "good_pieces": .count(goodPieces), "files": .array(files.map(json)),
        ]
    }

    private func json(_ file: File) -> JSON {
        var members: [JSON.Member] = [
            ("number", .count(file.number)), ("path", .string(file.path)),
            ("size", .integer(file.length)),
        ]
        switch file.verdict {
        case .good: members.append(("status", "good"))
        case .missing: members.append(("status", "missing"))
        case .wrongLength(let found):
            members += [("status", "wrong_length"), ("size_found", .integer(found))]
        case .bad(let offset):
            members += [("status", "bad"), ("first_bad_offset", .integer(offset))]
        case .unknown(let offset):
            members += [("status", "unknown"), ("first_bad_offset", .integer(offset))]
        }
        return .object(members)
    }
}
