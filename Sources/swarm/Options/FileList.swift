import Units

/// Which files of a torrent are meant: numbers and ranges as `show` and `fetch --list` print them,
/// from 1. Ranges are kept as they are: `1-4000000000` costs nothing.
struct FileList: Equatable, Sendable {
    let ranges: [ClosedRange<Int>]

    init(_ text: String) throws(ValueFault) {
        var ranges: [ClosedRange<Int>] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bounds = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = Self.number(bounds[0]),
                let last = bounds.count == 1 ? first : Self.number(bounds[1])
            else { throw .notAFileList }
            guard first <= last else { throw .reversedRange(String(part)) }
            ranges.append(first...last)
        }
        self.ranges = ranges
    }

    private static func number(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(text), number > 0
        else { return nil }
        return number
    }

    /// Whether the file of this number, from 1, is meant.
    func contains(_ number: Int) -> Bool { ranges.contains { $0.contains(number) } }

    /// The highest number that is meant.
    var last: Int { ranges.map(\.upperBound).max() ?? 0 }
}
