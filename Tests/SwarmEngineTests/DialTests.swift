import Chunker
import Foundation
import SwarmEngine
import SwarmScheduler
import Testing
import Units

/// What is counted of connections that we open.
@Suite(.timeLimit(.minutes(10))) struct DialTests {
    /// Nobody listens at the one; at the other somebody hangs up, as the torrent is not there.
    @Test(arguments: [true, false])
    func aDialThatComesToNothingFailsOnce(isRefused: Bool) async throws {
        let scratch = try Scratch()
        try TransferTests.tree(scratch)
        let manifest = try scratch.manifest(of: "content", .v1)
        let other = try await TransferTests.session(scratch)
        let peer = TransferTests.endpoint(of: other)
        if isRefused { await other.shutdown() }
        let session = try await TransferTests.session(scratch)
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch)
        request.peers = [peer]
        let torrent = try await session.add(request)
        try await eventually("a dial fails") {
            await torrent.status().counters.dialFailures > 0
        }
        await session.shutdown()
        let counters = await session.torrentCounters()
        #expect(counters.dials > 0 && counters.dialFailures == counters.dials)
        if !isRefused { await other.shutdown() }
    }
}
