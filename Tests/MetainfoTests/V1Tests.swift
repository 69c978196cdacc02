import Bencode
import Hashing
import Metainfo
import Testing
import Units

@Suite struct V1Tests {
    @Test func readsATorrentOfOneFile() throws {
        let info: Bencode = [
            "length": 40_000, "name": "a.txt", "piece length": 16_384,
            "pieces": .bytes(Array(repeating: 7, count: 60)),
        ]
        let torrent = try Metainfo(Bencode.keyed(["info": info]).encoded())
        #expect(torrent.version == .v1)
        #expect(torrent.name == "a.txt")
        #expect(torrent.isSingleFile)
        #expect(torrent.layout.files.map(\.path) == [["a.txt"]])
        #expect(torrent.layout.pieceCount == 3)
        #expect(torrent.layout.length(of: PieceIndex(2)) == 40_000 - 32_768)
        #expect(torrent.infoHash == InfoHash(v1: .hash(info.encoded())))
        #expect(torrent.v1Hash(of: PieceIndex(2))?.bytes == Array(repeating: 7, count: 20))
        #expect(torrent.v1Hash(of: PieceIndex(3)) == nil)
    }
}
