import Foundation
import Hashing
import Metainfo
import Testing
import Units

@testable import Storage

@Suite struct DownloadTests {
    @Test(arguments: TestTorrent.Kind.allCases)
    func aFileIsPartialUntilItIsWholeAndThenHasItsName(kind: TestTorrent.Kind) throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000, kind: kind)
        let events = Collected<TorrentStorage.Event>()
        let storage = try bench.open(torrent, events: { events.append($0) })
        #expect(try storage.put(torrent.bytes(of: 0), as: 0).isVerified)
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/film.mkv.part"])
        #expect(storage.had.setCount == 1)
        for piece in 1..<torrent.layout.pieceCount {
            #expect(try storage.put(torrent.bytes(of: piece), as: piece).isVerified)
        }
        #expect(try storage.flushed() == nil)
        #expect(bench.scratch.names == ["save", "save/film.mkv"])
        #expect(bench.scratch.holds(torrent.bytes, in: "save/film.mkv"))
        #expect(
            events.all.contains {
                if case .fileCompleted(FileIndex(0)) = $0 { true } else { false }
            })
        #expect(events.all.contains { if case .completed = $0 { true } else { false } })
        #expect(try storage.holds(torrent, 2))
    }

    @Test(arguments: TestTorrent.Kind.allCases)
    func aWrongPieceIsNotHadAndCanBeWrittenAgain(kind: TestTorrent.Kind) throws {
        let bench = try Bench()
        let torrent = try TestTorrent(single: 100_000, kind: kind)
        let storage = try bench.open(torrent)
        var wrong = torrent.bytes(of: 1)
        wrong[20_000] ^= 1
        let outcome = try storage.put(wrong, as: 1)
        guard case .verdict(.mismatch(let leaves)) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        let expected = [wrong[..<16384], wrong[16384...]].map { SHA256Digest.hash(Array($0)) }
        #expect(leaves == (kind == .v1 ? nil : expected))
        #expect(storage.had.isEmpty)
        let digests = try answer { storage.blockDigests(of: PieceIndex(1), completion: $0) }.get()
        #expect(digests == [wrong[..<16384], wrong[16384...]].map { SHA1Digest.hash(Array($0)) })
        #expect(try storage.put(torrent.bytes(of: 1), as: 1).isVerified)
        #expect(storage.had.contains(PieceIndex(1)))
    }
}
