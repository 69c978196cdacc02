import NIOCore
import NIOPosix
import Synchronization
import Units

/// An HTTP tracker on loopback that answers every announce alike, and notes what it was told.
final class StubTracker: Sendable {
    struct Announce: Sendable {
        /// Empty for a regular one.
        let event: String
        let uploaded: Int
        let left: Int
        let peerID: String
    }

    private struct State {
        var announces: [Announce] = []
        var channel: (any Channel)?
    }

    private let state = Mutex(State())

    var announces: [Announce] { state.withLock(\.announces) }
    var url: String { "http://127.0.0.1:\(port)/announce" }
    private var port: Int { state.withLock { $0.channel?.localAddress?.port ?? 0 } }

    /// - Parameter peers: named in every answer, as those who fetch.
    static func start(naming peers: [Endpoint] = []) async throws -> StubTracker {
        let tracker = StubTracker()
        let body = Self.body(peers)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Answerer(body: body) { tracker.note($0) })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        tracker.state.withLock { $0.channel = channel }
        return tracker
    }

    func stop() async throws { try await state.withLock(\.channel)?.close() }

    private static func body(_ peers: [Endpoint]) -> [UInt8] {
        var compact: [UInt8] = []
        for peer in peers {
            let address = peer.ipv4 ?? 0
            for shift in [24, 16, 8, 0] as [UInt32] {
                compact.append(UInt8(truncatingIfNeeded: address >> shift))
            }
            compact += [UInt8(peer.port >> 8), UInt8(peer.port & 0xFF)]
        }
        let head = "d8:completei1e10:incompletei\(peers.count)e8:intervali1800e"
        return Array((head + "12:min intervali0e5:peers\(compact.count):").utf8) + compact
            + Array("e".utf8)
    }

    private func note(_ query: String) {
        var fields: [String: String] = [:]
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
        }
        let announce = Announce(
            event: fields["event"] ?? "", uploaded: fields["uploaded"].flatMap { Int($0) } ?? -1,
            left: fields["left"].flatMap { Int($0) } ?? -1, peerID: fields["peer_id"] ?? "")
        state.withLock { $0.announces.append(announce) }
    }
}

private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let body: [UInt8]
    private let note: @Sendable (String) -> Void
    private var request = ""

    init(body: [UInt8], note: @escaping @Sendable (String) -> Void) {
        (self.body, self.note) = (body, note)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        request += String(decoding: bytes.readableBytesView, as: UTF8.self)
        guard request.contains("\r\n\r\n") else { return }
        let line = request.prefix { $0 != "\r\n" }
        request = ""
        if let query = line.split(separator: " ").dropFirst().first?.split(separator: "?").last {
            note(String(query))
        }
        var answer = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
        answer.writeBytes(body)
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    }
}
