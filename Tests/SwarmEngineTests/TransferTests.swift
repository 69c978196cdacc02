import Chunker
import Foundation
import Metainfo
import SwarmEngine
import Testing
import Units

/// Whole sessions over loopback, with real sockets and files.
@Suite(.timeLimit(.minutes(10))) struct TransferTests {
    static func session(
        _ scratch: Scratch, state: String? = nil
    ) async throws -> Session {
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.usesDHT = false
        configuration.usesLSD = false
        configuration.stateDirectory = try state.map { try scratch.folder($0) }
        return try await Session(configuration)
    }

    static func endpoint(of session: Session) -> Endpoint {
        Endpoint(ipv4: 0x7F00_0001, port: session.port)
    }

    /// The events until the torrent is complete.
    static func completion(of torrent: Torrent) async throws {
        for await event in torrent.events {
            switch event {
            case .completed: return
            case .failed(let error): throw error
            default: continue
            }
        }
        throw EngineError.stopped
    }

    static func tree(_ scratch: Scratch) throws {
        try scratch.write("content/large.bin", bytes: 1_000_003, seed: 1)
        try scratch.write("content/süß/ünïcode.txt", bytes: 70_000, seed: 2)
        try scratch.write("content/empty", bytes: 0, seed: 3)
        try scratch.write("content/deep/er/one byte", bytes: 1, seed: 4)
        try scratch.write("content/exact", bytes: 65_536, seed: 5)
    }

    @Test(arguments: [ChunkFormat.v1, .v2, .hybrid])
    func aTreeArrivesAsItWasSent(format: ChunkFormat) async throws {
        let scratch = try Scratch()
        try Self.tree(scratch)
        let manifest = try scratch.manifest(of: "content", format)
        let seeding = try await Self.session(scratch)
        let fetching = try await Self.session(scratch)
        let seed = try await seeding.add(
            TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
        try await Self.completion(of: seed)
        var request = TorrentRequest(
            metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch)
        request.peers = [Self.endpoint(of: seeding)]
        let fetch = try await fetching.add(request)
        try await Self.completion(of: fetch)
        #expect(await fetch.status().isFinished)
        await fetching.shutdown()
        await seeding.shutdown()
        let sent = try Scratch.files(below: scratch.path + "/content")
        let received = try Scratch.files(below: scratch.path + "/out/content")
        #expect(sent == received)
    }

    @Test func seedingContentThatIsNotThereFails() async throws {
        let scratch = try Scratch()
        try Self.tree(scratch)
        let manifest = try scratch.manifest(of: "content", .v1)
        let session = try await Self.session(scratch)
        let seed = try await session.add(
            TorrentRequest(
                metainfo: manifest, directory: try scratch.folder("elsewhere"), mode: .seed))
        await #expect(throws: EngineError.self) { try await Self.completion(of: seed) }
        await session.shutdown()
    }

    @Test func aTorrentIsInASessionOnce() async throws {
        let scratch = try Scratch()
        try Self.tree(scratch)
        let manifest = try scratch.manifest(of: "content", .hybrid)
        let session = try await Self.session(scratch)
        let request = TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed)
        _ = try await session.add(request)
        await #expect(throws: EngineError.duplicate(name: "content")) {
            _ = try await session.add(request)
        }
        await session.shutdown()
    }

    /// At twice the speed each torrent would have the limit to itself.
    @Test func theTorrentsOfASessionShareItsLimit() async throws {
        let scratch = try Scratch()
        var configuration = SessionConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.usesTrackers = false
        configuration.usesDHT = false
        configuration.usesLSD = false
        configuration.uploadLimit = ByteRate(bytesPerSecond: 400_000)
        let seeding = try await Session(configuration)
        let fetching = try await Self.session(scratch)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, name) in ["one", "two"].enumerated() {
                try scratch.write(name, bytes: 800_000, seed: UInt64(number))
                let manifest = try scratch.manifest(of: name, .v1)
                let seed = try await seeding.add(
                    TorrentRequest(metainfo: manifest, directory: scratch.path, mode: .seed))
                try await Self.completion(of: seed)
                var request = TorrentRequest(
                    metainfo: manifest, directory: try scratch.folder("out"), mode: .fetch)
                request.peers = [Self.endpoint(of: seeding)]
                let torrent = try await fetching.add(request)
                group.addTask { try await Self.completion(of: torrent) }
            }
            try await group.waitForAll()
        }
        #expect(ContinuousClock.now - start > .milliseconds(2_600))
        await fetching.shutdown()
        await seeding.shutdown()
    }
}
