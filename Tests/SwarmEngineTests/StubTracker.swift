import Discovery
import NIOCore
import NIOPosix
import Synchronization
import Transport
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

/// The same over UDP, where it matters from which port somebody asks.
final class StubUDPTracker: DatagramReceiver {
    struct Announce: Sendable {
        let source: UInt16
        /// Where peers are to be accepted.
        let port: UInt16
        /// 2 is started, 3 is stopped.
        let event: UInt8
    }

    private let socket: UDPSocket
    private let heard = Mutex<[Announce]>([])

    var announces: [Announce] { heard.withLock(\.self) }
    var url: String { "udp://127.0.0.1:\(socket.localEndpoint.port)/announce" }

    private init(_ socket: UDPSocket) { self.socket = socket }

    static func start() async throws -> StubUDPTracker {
        let home = Endpoint(ipv4: 0x7F00_0001, port: 0)
        let tracker = StubUDPTracker(try await UDPSocket.bind(to: home))
        await tracker.socket.add(tracker)
        return tracker
    }

    func stop() async { await socket.close() }

    func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool {
        guard datagram.count >= 16 else { return false }
        let head = Array(datagram[8..<16])
        if head[3] == 0 {
            socket.write(head + Array(repeating: 0xC1, count: 8), to: sender)
        } else if datagram.count >= 98 {
            let port = UInt16(datagram[96]) << 8 | UInt16(datagram[97])
            heard.withLock {
                $0.append(Announce(source: sender.port, port: port, event: datagram[83]))
            }
            socket.write(head + [0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1], to: sender)
        }
        return true
    }
}
