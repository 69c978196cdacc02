import Dispatch
import Foundation
import HTTPTypes
import JSONText
import Storage
import Synchronization
import Testing
import Units

@testable import Seedbox
@testable import SwarmEngine

/// A disk that answers nobody until it is let go: every thread that touches it waits, as it does in
/// a call to the kernel that does not come back.
final class StalledDisk: Sendable {
    private let gate = DispatchSemaphore(value: 0)
    private let count: Int

    init(_ box: Seedbox, holding folder: String) {
        let services = box.session.services
        let pool = services.disks.pool(for: folder)
        var work: [DiskPool.Work] = [.sync, .journal]
        for key in 0..<8 { work += [.write(key: key), .read(key: key)] }
        work += (0..<pool.checkLaneCount).map { .check(key: $0) }
        let gate = gate
        var count = work.count { pool.run($0) { gate.wait() } }
        if services.startup.run(.sync, { gate.wait() }) { count += 1 }
        self.count = count
    }

    func letGo() { for _ in 0..<count { gate.signal() } }
}

@Suite(.timeLimit(.minutes(15))) struct StalledDiskTests {
    private static let pages = [
        "/api/v1/torrents", "/api/v1/torrents?since=0", "/api/v1/session", "/api/v1/settings",
        "/api/v1/categories", "/api/v1/torrents/1", "/api/v1/torrents/1/peers",
        "/api/v1/torrents/1/why", "/healthz", "/readyz",
    ]
    private static let calls = [
        #"{"method":"torrent-get","arguments":{"fields":["id","name","status","eta"]}}"#,
        #"{"method":"session-get"}"#, #"{"method":"session-stats"}"#,
    ]

    /// Milliseconds of the slowest of a hundred answers, but for one.
    private func slowest(_ server: TestServer, rounds: Int = 10) async throws -> Double {
        let handshake = try await server.request(.get, TransmissionRPC.path)
        let session = try #require(handshake["x-transmission-session-id"])
        var times: [Double] = []
        for _ in 0..<rounds {
            for page in Self.pages {
                let start = Instant.now
                #expect(try await server.request(.get, page).status == 200, "\(page)")
                times.append((Instant.now - start).seconds * 1_000)
            }
            for call in Self.calls {
                let start = Instant.now
                let answer = try await server.request(
                    .post, TransmissionRPC.path,
                    [
                        ("Content-Type", "application/json"),
                        ("X-Transmission-Session-Id", session),
                    ], body: call)
                #expect(answer.text.contains(#""result":"success""#), "\(call)")
                times.append((Instant.now - start).seconds * 1_000)
            }
        }
        times.sort()
        return times[max(0, times.count * 99 / 100 - 1)]
    }

    private func withServers(
        _ box: Seedbox, _ other: Seedbox,
        _ body: @Sendable (TestServer, TestServer) async throws -> Void
    ) async throws {
        try await withServer(allRoutes(box)) { server async throws in
            try await withServer(allRoutes(other)) { try await body(server, $0) }
        }
    }

    @Test("R13 while the disk and the session store stall, all answers come within 50 ms")
    func whileTheDiskStalls() async throws {
        let scratch = try ModelScratch()
        // More than may wait in memory for the disk.
        let torrent = TestTorrent("Album", files: [("a.bin", 28 << 20)])
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let seeded = try await seed.box.add(AddRequest(.manifest(torrent.manifest))).id
        let leech = try await TestBox.open("leech", in: scratch)
        let id = try await leech.box.add(AddRequest(.manifest(torrent.manifest))).id
        #expect(id.rawValue == 1)
        for number in 0..<100 {
            let hash = String(repeating: "0", count: 36) + String(1_000 + number)
            var request = AddRequest(.link("magnet:?xt=urn:btih:\(hash)"))
            request.startsPaused = true
            _ = try await leech.box.add(request)
        }
        try await seed.wait(for: seeded, "seeds") { $0.state == .seeding }
        try await leech.wait(for: id, "begins") { $0.state == .downloading }
        try await withServers(leech.box, seed.box) { server, healthy async throws in
            let disk = StalledDisk(leech.box, holding: leech.folder)
            let isOver = Mutex(false)
            defer {
                isOver.withLock { $0 = true }
                disk.letGo()
            }
            try await leech.box.addPeers(id, [seed.endpoint])
            // It is the real disk that stalls: what comes from the peer stays in memory, until that
            // is used up and the peer has to wait.
            let why = try await WhyTests.reason(.diskIsSlow, of: id, in: leech.box)
            #expect(why.text.contains("disk cannot keep up"))
            let (stalled, told) = AsyncStream<Void>.makeStream()
            async let stall: Void = leech.box.stall {
                isOver.withLock(\.self)
            } onStart: {
                told.finish()
            }
            for await _ in stalled {}
            // A machine that is busy with other tests is slow for a while, and a disk that is
            // waited for is slow each time.
            var tries: [(slow: Double, usual: Double)] = []
            repeat {
                tries.append((try await slowest(server), try await slowest(healthy)))
            } while tries.allSatisfy { $0.slow > max(50, 3 * $0.usual) } && tries.count < 5
            #expect(
                tries.contains { $0.slow <= max(50, 3 * $0.usual) },
                "milliseconds, and those of a good disk: \(tries)")
            #expect(leech.box.catalogue.row(id)?.isComplete == false)
            isOver.withLock { $0 = true }
            await stall
        }
        try await leech.wait(for: id, "is whole", seconds: 90) { $0.isComplete }
        await leech.box.shutdown()
        await seed.box.shutdown()
    }

    @Test("R13 a file system that does not say what is free keeps nobody waiting")
    func freeSpaceOfAStalledDisk() async throws {
        let gate = DispatchSemaphore(value: 0)
        let isStalled = Mutex(false)
        let space = FolderSpace { _ in
            if isStalled.withLock(\.self) { gate.wait() }
            return (free: 7, total: 9)
        }
        #expect(await space.soon(["/a"]).map(\.free) == [7])
        isStalled.withLock { $0 = true }
        // Nothing lets go of the disk before all have their answers.
        for _ in 0..<5 { #expect(await space.soon(["/a"]).map(\.free) == [7]) }
        await #expect(throws: SeedboxError.self) { try await space.soon("/b") }
        for _ in 0..<6 { gate.signal() }
    }

    @Test func whoAsksAtTheSameTimeGetsTheSameAnswer() async throws {
        let gate = DispatchSemaphore(value: 0)
        let space = FolderSpace { _ in
            gate.wait()
            return (free: 7, total: 9)
        }
        space.refresh(["/a"])
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(50)) {
            for _ in 0..<2 { gate.signal() }
        }
        #expect(await space.soon(["/a"]).map(\.free) == [7])
    }
}

extension Seedbox {
    /// Keeps the actor's thread busy, as a call to a store that does not answer does.
    fileprivate func stall(
        until isOver: @Sendable () -> Bool, onStart: @Sendable () -> Void
    ) {
        onStart()
        while !isOver() { usleep(1_000) }
    }
}
