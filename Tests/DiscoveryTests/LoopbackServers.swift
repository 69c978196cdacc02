import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import Tracker
import Units

let testLoops = MultiThreadedEventLoopGroup.singleton

func testLoop() -> any EventLoop { testLoops.next() }

/// A file below the repository's `Fixtures`.
func fixture(_ path: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures/\(path)").path
}

/// Things that happened, in order, which a test can wait for.
final class Happenings<Element: Sendable>: Sendable {
    private struct State {
        var all: [Element] = []
        var waiters: [(count: Int, CheckedContinuation<[Element], Never>)] = []
    }

    private let state = Mutex(State())

    var all: [Element] { state.withLock { $0.all } }

    func add(_ element: Element) {
        let ready = state.withLock { state in
            state.all.append(element)
            let ready = state.waiters.filter { $0.count <= state.all.count }.map(\.1)
            state.waiters.removeAll { $0.count <= state.all.count }
            return ready.map { ($0, state.all) }
        }
        for (waiter, all) in ready { waiter.resume(returning: all) }
    }

    /// Waits until there are `count`, or the test's time is over; then what there is, and so
    /// perhaps too few.
    func first(_ count: Int) async -> [Element] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let all = state.withLock { state -> [Element]? in
                    if state.all.count >= count || Task.isCancelled { return state.all }
                    state.waiters.append((count, waiter))
                    return nil
                }
                if let all { waiter.resume(returning: all) }
            }
        } onCancel: {
            let (waiters, all) = state.withLock { state in
                defer { state.waiters = [] }
                return (state.waiters.map(\.1), state.all)
            }
            for waiter in waiters { waiter.resume(returning: all) }
        }
    }
}

// MARK: - HTTP

struct TestReply: Sendable {
    var status = 200
    var headers: [(String, String)] = []
    var body: [UInt8] = []

    static func bencoded(_ text: String) -> TestReply { TestReply(body: Array(text.utf8)) }

    static func redirect(_ location: String, status: Int = 302) -> TestReply {
        TestReply(status: status, headers: [("Location", location)])
    }
}

/// An HTTP server on loopback that answers by a closure and notes what it was asked.
final class TestHTTPServer: Sendable {
    let requests = Happenings<HTTPRequestHead>()
    /// Connections that were opened.
    let connections = Happenings<Endpoint>()
    let port: UInt16
    private let channel: any Channel

    var uris: [String] { requests.all.map(\.uri) }

    /// - Parameter certificate: the certificate's file with which the server speaks TLS.
    static func start(
        host: String = "127.0.0.1", certificate: String? = nil,
        tlsMax: TLSVersion? = nil,
        _ answer: @escaping @Sendable (HTTPRequestHead) -> TestReply
    ) async throws -> TestHTTPServer {
        var tls: NIOSSLContext?
        if let certificate {
            let chain = try NIOSSLCertificate.fromPEMFile(
                fixture("Certificates/\(certificate).pem"))
            let key = try NIOSSLPrivateKey(
                file: fixture("Certificates/server.key.pem"), format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            if let tlsMax {
                configuration.minimumTLSVersion = .tlsv1
                configuration.maximumTLSVersion = tlsMax
            }
            tls = try NIOSSLContext(configuration: configuration)
        }
        return try await TestHTTPServer(host: host, tls: tls, answer)
    }

    private init(
        host: String, tls: NIOSSLContext?,
        _ answer: @escaping @Sendable (HTTPRequestHead) -> TestReply
    ) async throws {
        let requests = requests
        let connections = connections
        channel = try await ServerBootstrap(group: testLoops)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.add(Endpoint(ipv4: 0, port: 0))
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Answerer(requests: requests, answer: answer))
                }
            }
            .bind(host: host, port: 0).get()
        port = UInt16(channel.localAddress?.port ?? 0)
    }

    func stop() async { try? await channel.close() }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let requests: Happenings<HTTPRequestHead>
        private let answer: @Sendable (HTTPRequestHead) -> TestReply

        init(
            requests: Happenings<HTTPRequestHead>,
            answer: @escaping @Sendable (HTTPRequestHead) -> TestReply
        ) {
            self.requests = requests
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            requests.add(head)
            let reply = answer(head)
            var headers = HTTPHeaders(reply.headers)
            headers.add(name: "Content-Length", value: "\(reply.body.count)")
            let responseHead = HTTPResponseHead(
                version: .http1_1, status: .init(statusCode: reply.status), headers: headers)
            context.write(wrapOutboundOut(.head(responseHead)), promise: nil)
            let body = ByteBuffer(bytes: reply.body)
            context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

/// A server that answers the first bytes of each connection with `bytes`, then with `more` again
/// and again for as long as it is read, if there is any.
final class TestRawServer: Sendable {
    let port: UInt16
    private let channel: any Channel

    init(_ bytes: [UInt8], more: [UInt8] = [], closes: Bool = false) async throws {
        channel = try await ServerBootstrap(group: testLoops)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Babbler(bytes: bytes, more: more, closes: closes))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = UInt16(channel.localAddress?.port ?? 0)
    }

    func stop() async { try? await channel.close() }

    private final class Babbler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let bytes: [UInt8]
        private let more: [UInt8]
        private let closes: Bool
        private var hasAnswered = false

        init(bytes: [UInt8], more: [UInt8], closes: Bool) {
            self.bytes = bytes
            self.more = more
            self.closes = closes
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !hasAnswered else { return }
            hasAnswered = true
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            if closes { context.close(promise: nil) }
            babble(context)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) { babble(context) }

        private func babble(_ context: ChannelHandlerContext) {
            while hasAnswered, !more.isEmpty, context.channel.isActive, context.channel.isWritable {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: more)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
