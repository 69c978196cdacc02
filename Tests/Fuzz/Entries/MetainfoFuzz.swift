import Metainfo
import Units

/// A `.torrent`: what is taken can be laid out, written and read again.
enum MetainfoFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        guard let metainfo = try? Metainfo(bytes) else { return }
        try require(isSafe(metainfo.name), "the name is \(metainfo.name)")
        try paths(metainfo.layout)
        try pieces(metainfo)
        guard let again = try? Metainfo(metainfo.encoded()) else {
            throw BrokenProperty(text: "what was written is not read again")
        }
        try require(again.infoHash == metainfo.infoHash, "writing has changed the info-hash")
        try require(again.layout == metainfo.layout, "writing has changed the files")
        try require(again.announceTiers == metainfo.announceTiers, "writing has changed trackers")
        let alone = try? Metainfo(infoBytes: metainfo.infoBytes, expecting: metainfo.infoHash)
        try require(alone?.layout == metainfo.layout, "the info dictionary does not stand alone")
        let link = try? MagnetLink(metainfo.magnetLink.text)
        try require(link?.infoHash == metainfo.infoHash, "the magnet link is of another torrent")
    }

    private static func paths(_ layout: ContentLayout) throws(BrokenProperty) {
        var taken: Set<[String]> = []
        var end: Int64 = 0
        for file in layout.files {
            try require(file.path.allSatisfy(isSafe), "a path is \(file.path)")
            try require(file.length >= 0 && file.offset >= end, "files overlap")
            end = file.offset + file.length
            guard !file.isPad else { continue }
            try require(taken.insert(file.path).inserted, "two files at \(file.path)")
            for element in file.symlinkTarget ?? [] {
                try require(isSafe(element), "a link leads to \(element)")
            }
        }
        try require(end <= layout.totalLength, "files reach beyond the end")
    }

    private static func pieces(_ metainfo: Metainfo) throws(BrokenProperty) {
        let layout = metainfo.layout
        let count = layout.pieceCount
        let looked = Array(0..<min(count, 40)) + Array(max(40, count - 3)..<max(40, count))
        for piece in looked.map({ PieceIndex($0) }) {
            let range = layout.byteRange(of: piece)
            try require(range.length == Int64(layout.length(of: piece)), "\(piece) has two lengths")
            var at = range.lowerBound
            layout.forEachSegment(of: range) { segment in at += segment.length }
            try require(at == range.upperBound, "\(piece) is not made of its segments")
            let hasHash = metainfo.v1Hash(of: piece) != nil || metainfo.v2Hash(of: piece) != nil
            let isLayerMissing = !metainfo.filesWithoutPieceLayer.isEmpty
            try require(hasHash || isLayerMissing, "\(piece) has no hash")
        }
    }

    private static func isSafe(_ element: String) -> Bool {
        !["", ".", ".."].contains(element) && element.utf8.count <= 255
            && !element.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }
}

/// The text of a magnet link.
enum MagnetFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        let text = String(decoding: bytes, as: UTF8.self)
        if let feed = FeedLink(text) {
            try require(FeedLink(feed.text) == feed, "writing has changed the feed")
        }
        guard let link = try? MagnetLink(text) else { return }
        guard let again = try? MagnetLink(link.text) else {
            throw BrokenProperty(text: "what was written is not read again: \(link.text)")
        }
        try require(again.infoHash == link.infoHash, "writing has changed the info-hash")
        try require(again.trackers == link.trackers, "writing has changed the trackers")
        try require(again.selectedFiles == link.selectedFiles, "writing has changed the selection")
        try require(link.publicPeers.count <= link.peers.count, "peers out of nothing")
    }
}
