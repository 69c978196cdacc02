import Foundation
import Hashing
import NIOCore
import NIOPosix
import Testing
import Tracker
import Units

@testable import Discovery

/// A real tracker on loopback, for one test.
private struct Opentracker {
    static let path = "/usr/bin/opentracker"
    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: path) }

    let port: UInt16
    private let process: Process
    private let folder: URL
    private let pipe = Pipe()
    private let ended = Happenings<Void>()

    /// Starts a tracker that serves `infoHashes`, and waits until it answers.
    init(serving infoHashes: [SHA1Digest]) async throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("opentracker-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let list = infoHashes.map { "\($0)\n" }.joined()
        try Data(list.utf8).write(to: folder.appendingPathComponent("whitelist"))
        port = try await Self.freePort()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.currentDirectoryURL = folder
        // The tracker ends with the pipe, so also when the tests are ended from outside.
        process.arguments = [
            "-c", "\(Self.path) \"$@\" & tracker=$!; read line; kill -9 $tracker", "sh",
            "-i", "127.0.0.1", "-p", "\(port)", "-P", "\(port)", "-w", "whitelist",
            "-d", folder.path, "-u", "nobody",
        ]
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        process.terminationHandler = { [ended] _ in ended.add(()) }
        try process.run()
        try await waitUntilItAnswers()
    }

    /// A port that is free for TCP and UDP.
    private static func freePort() async throws -> UInt16 {
        while true {
            let socket = try await UDPSocket.bind(
                to: Endpoint(ipv4: 0x7F00_0001, port: 0))
            let port = socket.localEndpoint.port
            let tcp = try? await ServerBootstrap(group: testLoops)
                .bind(host: "127.0.0.1", port: Int(port)).get()
            await socket.close()
            guard let tcp else { continue }
            try await tcp.close()
            return port
        }
    }

    private func waitUntilItAnswers() async throws {
        while process.isRunning, !Task.isCancelled {
            let channel = try? await ClientBootstrap(group: testLoops)
                .connect(host: "127.0.0.1", port: Int(port)).get()
            if let channel {
                try await channel.close()
                return
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TrackerError.unreachable("opentracker does not run")
    }

    func stop() async {
        try? pipe.fileHandleForWriting.close()
        _ = await ended.first(1)
        try? FileManager.default.removeItem(at: folder)
    }
}

/// Against opentracker, the tracker that serves most public swarms.
@Suite(
    .enabled(if: Opentracker.isInstalled, "opentracker is not installed"), .timeLimit(.minutes(10)))
struct OpentrackerTests {
    private static let hash = SHA1Digest.hash(Array("interop".utf8))

    private func request(
        _ peer: UInt8, left: Int64, _ event: AnnounceEvent, of infoHash: SHA1Digest = Self.hash
    ) -> AnnounceRequest {
        AnnounceRequest(
            infoHash: infoHash, peerID: Array("-SW0100-".utf8) + Array(repeating: peer, count: 12),
            port: 7000 + UInt16(peer), left: left, event: event, key: UInt32(peer))
    }

    private func endpoint(_ peer: UInt16) -> Endpoint {
        Endpoint(ipv4: 0x7F00_0001, port: 7000 + peer)
    }

    @Test(arguments: ["http", "udp"])
    func twoPeersFindEachOther(scheme: String) async throws {
        try await withTracker(serving: Self.hash, scheme) { client, url in
            let first = try await client.announce(request(1, left: 9, .started), to: url, .event)
            #expect(!first.peers.contains(endpoint(2)))
            #expect(first.interval >= .seconds(60))
            let second = try await client.announce(request(2, left: 0, .started), to: url, .event)
            #expect(second.peers.contains(endpoint(1)))
            #expect(second.counts.seeders == 1 && second.counts.leechers == 1)
            let again = try await client.announce(request(1, left: 9, .none), to: url, .regular)
            #expect(again.peers.contains(endpoint(2)))

            let counts = try await client.scrape([Self.hash], at: url).counts[Self.hash]
            #expect(counts?.seeders == 1 && counts?.leechers == 1)

            _ = try await client.announce(request(1, left: 0, .completed), to: url, .event)
            let complete = try await client.scrape([Self.hash], at: url).counts[Self.hash]
            #expect(complete == SwarmCounts(seeders: 2, leechers: 0, downloads: 1))

            _ = try await client.announce(request(1, left: 0, .stopped), to: url, .leaving)
            let last = try await client.announce(request(2, left: 0, .none), to: url, .regular)
            #expect(!last.peers.contains(endpoint(1)))
            #expect(last.counts.seeders == 1)
        }
    }

    /// Runs `body` with a tracker and a client.
    private func withTracker(
        serving hash: SHA1Digest, _ scheme: String,
        _ body: (TrackerClient, TrackerURL) async throws -> Void
    ) async throws {
        let tracker = try await Opentracker(serving: [hash])
        let socket = try await UDPSocket.bind(
            to: Endpoint(ipv4: 0x7F00_0001, port: 0))
        do {
            let url = try TrackerURL("\(scheme)://127.0.0.1:\(tracker.port)/announce")
            let list = try TrackerURL("http://127.0.0.1:\(tracker.port)/announce")
            try await withClient(sockets: [socket]) { client in
                // It reads its list after it has begun to answer.
                let nobody = request(0, left: 0, .stopped, of: hash)
                try await eventually("the torrent is on its list") {
                    (try? await client.announce(nobody, to: list, .event)) != nil
                }
                try await body(client, url)
            }
        } catch {
            Issue.record(error)
        }
        await socket.close()
        await tracker.stop()
    }

    /// Over UDP it is silent about such torrents.
    @Test func aTorrentThatItDoesNotServeIsRefused() async throws {
        try await withTracker(serving: .zero, "http") { client, url in
            let error = await client.failure(of: url.text)
            guard case .refused(let reason, _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reason.contains("not authorized"))
        }
    }
}
