import NIOCore
import NIOPosix
import Synchronization

/// A value that many may change.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>

    init(_ value: Value) { state = Mutex(value) }

    var value: Value { state.withLock { $0 } }

    func change(_ body: (inout sending Value) -> Void) { state.withLock { body(&$0) } }
}

/// Runs a server on this machine that takes everything that is posted to it.
func withLocalServer(
    _ body: (_ url: String, _ requests: @Sendable () -> [String]) async throws -> Void
) async throws {
    let requests = Shared<[String]>([])
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(PostTaker(requests))
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let port = server.localAddress?.port ?? 0
    do {
        try await body("http://127.0.0.1:\(port)/hook", { requests.value })
    } catch {
        try? await server.close()
        throw error
    }
    try await server.close()
}

/// Takes one request of a known length.
private final class PostTaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let requests: Shared<[String]>
    private var text = ""

    init(_ requests: Shared<[String]>) { self.requests = requests }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: unwrapInboundIn(data))
        guard let end = text.firstRange(of: "\r\n\r\n"),
            let head = text.lowercased().firstRange(of: "content-length: ")
        else { return }
        let length = Int(text[head.upperBound...].prefix(while: \.isNumber)) ?? 0
        let body = String(text[end.upperBound...])
        guard body.utf8.count >= length else { return }
        requests.change { $0.append(body) }
        let reply = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: reply)), promise: nil)
    }
}
