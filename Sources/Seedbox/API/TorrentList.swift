import Hashing
import JSONText

/// The rows of all torrents as an answer, made part by part as its reader takes it: however many
/// read at once, there is one part of each in memory. A torrent that comes or goes meanwhile may
/// be in it or not; who then asks for changes since the list's revision misses nothing.
struct TorrentList: AsyncSequence, Sendable {
    typealias Element = [UInt8]
    typealias Failure = Never

    let catalogue: Catalogue
    private let start: JSONWriter
    private let writeRow: @Sendable (TorrentRow, inout JSONWriter) -> Void

    /// - Parameter begin: Writes what stands before the rows, and opens one object and one array
    ///   there; it is given the list's revision.
    init(
        of catalogue: Catalogue, begin: (inout JSONWriter, UInt64) -> Void,
        row: @escaping @Sendable (TorrentRow, inout JSONWriter) -> Void
    ) {
        self.catalogue = catalogue
        var out = JSONWriter(reservingBytes: Limits.streamPartBytesMax + Limits.rowBytesUsual)
        begin(&out, catalogue.revision)
        start = out
        writeRow = row
    }

    init(
        of catalogue: Catalogue, fields: [RowField], begin: (inout JSONWriter, UInt64) -> Void
    ) {
        self.init(of: catalogue) { out, revision in
            out.beginObject()
            begin(&out, revision)
            out.beginArray()
        } row: { row, out in
            row.write(fields, into: &out)
        }
    }

    func makeAsyncIterator() -> Parts { Parts(list: self, out: start) }

    struct Parts: AsyncIteratorProtocol {
        fileprivate let list: TorrentList
        fileprivate var out: JSONWriter
        private var last: TorrentID?
        private var isOver = false

        fileprivate init(list: TorrentList, out: JSONWriter) {
            self.list = list
            self.out = out
        }

        mutating func next() async -> [UInt8]? {
            guard !isOver else { return nil }
            (last, isOver) = list.catalogue.withRows { [last] rows in
                list.write(rows, after: last, into: &out)
            }
            if isOver {
                out.endArray()
                out.endObject()
            }
            return out.takeBytes()
        }
    }

    /// Writes the rows after one, as many as a part holds. Gives the last one that was written,
    /// and whether there is none left.
    private func write(
        _ rows: [TorrentRow], after last: TorrentID?, into out: inout JSONWriter
    ) -> (last: TorrentID?, isLast: Bool) {
        let first = last.map { last in rows.partitioned { $0.id > last } } ?? 0
        var (last, index) = (last, first)
        // Rows are large: they are looked at where they are.
        rows.withUnsafeBufferPointer { rows in
            while index < rows.count, out.count < Limits.streamPartBytesMax {
                writeRow(rows[index], &out)
                last = rows[index].id
                index += 1
            }
        }
        return (last, index >= rows.count)
    }
}

extension Array {
    /// The index of the first element for which this holds; it holds for all after that.
    fileprivate func partitioned(by holds: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if holds(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension CatalogueChanges {
    /// `"revision":…,"changed":[…],"removed":[…]`, in an object that the caller opened.
    func write(_ fields: [RowField], into out: inout JSONWriter) {
        out.name("revision")
        out.integer(revision)
        out.name("changed")
        out.beginArray()
        for row in changed { row.write(fields, into: &out) }
        out.endArray()
        out.name("removed")
        out.beginArray()
        for gone in removed {
            out.beginObject()
            out.name("id")
            out.integer(gone.id.rawValue)
            out.name("infoHash")
            out.string(gone.infoHash.description)
            out.endObject()
        }
        out.endArray()
    }
}
