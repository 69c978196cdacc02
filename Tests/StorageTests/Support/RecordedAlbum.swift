import Metainfo
import Testing
import Units

@testable import Storage

/// A torrent of three files that a session knows, and its content.
struct RecordedAlbum {
    let bench: Bench
    let torrent: TestTorrent
    let store: SessionStore
    let id: TorrentRecord.ID

    init() throws {
        self.bench = try Bench()
        self.torrent = try TestTorrent([
            TestTorrent.File(path: ["a.bin"], bytes: TestTorrent.random(100_000, seed: 1)),
            TestTorrent.File(
                path: ["deep", "er", "b.bin"], bytes: TestTorrent.random(50_000, seed: 2)),
            TestTorrent.File(path: ["deep", "empty"], bytes: []),
        ])
        self.store = try bench.store()
        self.id = try store.add(torrent, in: bench.folder).id
    }

    var pieceCount: Int { torrent.layout.pieceCount }

    // Another torrent may take its place.

    func content(_ torrent: TestTorrent? = nil, in folder: String? = nil) -> TorrentContent {
        TorrentContent(
            (torrent ?? self.torrent).metainfo, in: folder ?? bench.folder, store: store,
            record: id)
    }

    /// Puts all pieces there, or the first ones.
    func fill(_ torrent: TestTorrent? = nil, pieces: Int? = nil) throws {
        let torrent = torrent ?? self.torrent
        let storage = try bench.open(torrent, record: id, store: store)
        for piece in 0..<(pieces ?? torrent.layout.pieceCount) {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        #expect(try storage.closed() == nil)
    }

    /// The pieces that are had when it is opened again, and those that were hashed for that.
    func reopened(
        _ torrent: TestTorrent? = nil, in folder: String? = nil,
        content: TorrentOpening.Options.Content = .asRecorded
    ) throws -> (had: Int, hashed: Int) {
        let checked = Collected<ContentChecker.Progress>()
        let storage = try bench.open(
            torrent ?? self.torrent, in: folder, record: id, store: store, content: content,
            checked: checked)
        let had = storage.had.setCount
        #expect(try storage.closed() == nil)
        return (had, checked.all.last?.totalPieces ?? 0)
    }
}
