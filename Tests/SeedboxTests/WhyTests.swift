import Foundation
import NIOCore
import NIOPosix
import Testing
import Units

@testable import Seedbox

/// Why a torrent is not faster, from what real seedboxes count in real situations.
@Suite(.timeLimit(.minutes(10))) struct WhyTests {
    private let scratch: ModelScratch
    private let torrent = TestTorrent("Album")

    init() throws { scratch = try ModelScratch() }

    /// Waits until the reason is among those that are given.
    static func reason(
        _ kind: SlownessReason.Kind, of id: TorrentID, in box: Seedbox,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> SlownessReason {
        let deadline = Instant.now + .seconds(120)
        while true {
            let reasons = try await box.slowness(of: id)
            if let found = reasons.first(where: { $0.kind == kind }) { return found }
            try #require(
                Instant.now < deadline, "\(reasons)", sourceLocation: sourceLocation)
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Waits for the reason, and for the same in the metrics.
    private func expect(
        _ kind: SlownessReason.Kind, of id: TorrentID, in box: Seedbox,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> SlownessReason {
        let reason = try await Self.reason(kind, of: id, in: box, sourceLocation: sourceLocation)
        let metrics = Metrics(box, counters: AutomationCounters())
        try await eventually(sourceLocation: sourceLocation) {
            await metrics.reading().hindrances[kind] == 1
        }
        #expect(
            await metrics.reading().page.text.contains(
                "swarm_torrents_hindered{reason=\"\(kind.rawValue)\"} 1\n"),
            sourceLocation: sourceLocation)
        return reason
    }

    private func fetch(
        in test: TestBox, from peers: [Endpoint] = [], tracker: String? = nil,
        adjusting adjust: (inout AddRequest) -> Void = { _ in }
    ) async throws -> TorrentID {
        let manifest = TestTorrent(torrent.name, tracker: tracker).manifest
        var request = AddRequest(.manifest(manifest))
        request.peers = peers
        adjust(&request)
        return try await test.box.add(request).id
    }

    @Test func nobodyIsKnown() async throws {
        let test = try await TestBox.open("box", in: scratch)
        let id = try await fetch(in: test)
        _ = try await expect(.noPeersKnown, of: id, in: test.box)
        await test.box.shutdown()
    }

    @Test func whoIsDialledRefuses() async throws {
        let test = try await TestBox.open("box", in: scratch)
        let (port, end) = try await server(saying: []) { _ in false }
        try await end()
        let id = try await fetch(in: test, from: [Endpoint(ipv4: 0x7F00_0001, port: port)])
        let reason = try await expect(.dialsRefused, of: id, in: test.box)
        #expect(reason.count >= 1)
        await test.box.shutdown()
    }

    @Test func allWhoHaveItChokeUs() async throws {
        let test = try await TestBox.open("box", in: scratch)
        let (port, end) = try await peer(pieces: [0xFC])
        let id = try await fetch(in: test, from: [Endpoint(ipv4: 0x7F00_0001, port: port)])
        let reason = try await expect(.everybodyChokesUs, of: id, in: test.box)
        #expect(reason.count == 1)
        await test.box.shutdown()
        try await end()
    }

    @Test func nobodyHasThePieces() async throws {
        let test = try await TestBox.open("box", in: scratch)
        // Of six pieces, two.
        let (port, end) = try await peer(pieces: [0xC0])
        let id = try await fetch(in: test, from: [Endpoint(ipv4: 0x7F00_0001, port: port)])
        _ = try await expect(.nobodyHasThePieces, of: id, in: test.box)
        try await eventually {
            try await Self.reason(.nobodyHasThePieces, of: id, in: test.box).count == 4
        }
        await test.box.shutdown()
        try await end()
    }

    @Test func aLimitHoldsItBack() async throws {
        let seed = try await TestBox.open("seed", in: scratch)
        try torrent.write(to: seed.folder)
        let seeded = try await fetch(in: seed)
        try await seed.wait(for: seeded, "seeds") { $0.state == .seeding }
        let test = try await TestBox.open("box", in: scratch)
        let id = try await fetch(in: test, from: [seed.endpoint]) { $0.downloadLimit = 1_000 }
        let reason = try await expect(.rateLimit, of: id, in: test.box)
        #expect(reason.count >= 1)
        #expect(reason.text.contains("1000 B/s"))
        await test.box.shutdown()
        await seed.box.shutdown()
    }

    @Test func nobodyEverComesIn() async throws {
        let test = try await TestBox.open("box", in: scratch)
        let id = try await fetch(in: test)
        // Ten minutes pass.
        var now = Seedbox.now
        for _ in 0...(Limits.reachabilityTime / Limits.tickSecondsMax) {
            now += Limits.tickSecondsMax
            await test.box.tick(now: now)
        }
        _ = try await expect(.noIncomingConnections, of: id, in: test.box)
        await test.box.shutdown()
    }

    @Test func theDiskIsFull() async throws {
        let test = try await TestBox.open("box", in: scratch) {
            $0.storage.minimumFree = .max
        }
        let (port, end) = try await peer(pieces: [0xFC])
        let id = try await fetch(in: test, from: [Endpoint(ipv4: 0x7F00_0001, port: port)])
        let reason = try await expect(.noSpace, of: id, in: test.box)
        #expect(try await test.box.slowness(of: id).first?.kind == .noSpace, "\(reason)")
        await test.box.shutdown()
        try await end()
    }

    @Test func theTrackerSaysNoInItsOwnWords() async throws {
        let words = "this torrent is not registered"
        let body = "d14:failure reason\(words.utf8.count):\(words)e"
        let reply = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let (port, end) = try await server(saying: Array(reply.utf8)) { said in
            String(decoding: said, as: UTF8.self).hasSuffix("\r\n\r\n")
        }
        let test = try await TestBox.open("box", in: scratch)
        let id = try await fetch(in: test, tracker: "http://127.0.0.1:\(port)/announce")
        let reason = try await expect(.trackersFail, of: id, in: test.box)
        #expect(reason.count == 1)
        #expect(reason.text.contains(words))
        let page = await Metrics(test.box, counters: AutomationCounters()).reading().page.text
        let refused = page.split(separator: "\n").first {
            $0.hasPrefix("swarm_tracker_announces_total{result=\"refused\"} ")
        }
        #expect((refused?.split(separator: " ").last).flatMap { Int($0) } ?? 0 >= 1)
        #expect(!page.contains("swarm_tracker_latency_seconds_count 0\n"))
        await test.box.shutdown()
        try await end()
    }

    // MARK: Those on the other side

    /// A peer that says hello and which pieces it has, and then nothing.
    private func peer(
        pieces: [UInt8]
    ) async throws -> (port: UInt16, end: @Sendable () async throws -> Void) {
        let metainfo = torrent.infoHash
        let hello =
            [19] + Array("BitTorrent protocol".utf8) + [UInt8](repeating: 0, count: 8) + metainfo
            + Array("-XX0000-abcdefghijkl".utf8)
        let bitfield: [UInt8] = [0, 0, 0, UInt8(1 + pieces.count), 5] + pieces
        return try await server(saying: hello + bitfield) { $0.count >= 68 }
    }

    /// Says it once when it has heard enough, on each connection.
    private func server(
        saying words: [UInt8], when isEnough: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws -> (port: UInt16, end: @Sendable () async throws -> Void) {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Speaker(words: words, isEnough: isEnough))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(clamping: channel.localAddress?.port ?? 0)
        return (port, { try await channel.close() })
    }
}

private final class Speaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let words: [UInt8]
    private let isEnough: @Sendable ([UInt8]) -> Bool
    private var heard: [UInt8] = []
    private var hasSpoken = false

    init(words: [UInt8], isEnough: @escaping @Sendable ([UInt8]) -> Bool) {
        self.words = words
        self.isEnough = isEnough
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasSpoken else { return }
        heard += Array(buffer: unwrapInboundIn(data))
        guard isEnough(heard) else { return }
        hasSpoken = true
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: words)), promise: nil)
    }
}
