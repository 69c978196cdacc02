import Glibc
import NIOCore
import Transport
import Units

/// A bound UDP socket of the system that does not block.
struct DatagramDescriptor: Sendable {
    let number: Int32
    let localEndpoint: Endpoint
    /// What the loop knows it by, once it is watched.
    private var watch: UInt64?
    private var isWatchedForWriting = false

    private init(number: Int32, localEndpoint: Endpoint) {
        (self.number, self.localEndpoint) = (number, localEndpoint)
    }

    static func bind(to endpoint: Endpoint) throws -> DatagramDescriptor {
        let kind =
            SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        let number = socket(endpoint.isIPv4 ? AF_INET : AF_INET6, Int32(kind), 0)
        guard number >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        do {
            return Self(number: number, localEndpoint: try prepare(number, for: endpoint))
        } catch {
            _ = Glibc.close(number)
            throw error
        }
    }

    private static func prepare(_ number: Int32, for endpoint: Endpoint) throws -> Endpoint {
        if !endpoint.isIPv4 {
            try set(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
        }
        // The system gives less than asked for, and that is no error.
        try? set(number, SOL_SOCKET, SO_RCVBUF, Limits.datagramReceiveBuffer)
        var address = sockaddr_in6()
        var length = address.set(endpoint)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(number, $0, length)
            }
        }
        guard status == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
        length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let named = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(number, $0, &length)
            }
        }
        let local = withUnsafeBytes(of: &address) {
            Endpoint(socketAddress: $0, isIPv4: endpoint.isIPv4)
        }
        guard named == 0, let local else { throw ChannelError.unknownLocalAddress }
        return local
    }

    private static func set(
        _ number: Int32, _ level: Int32, _ name: Int32, _ value: Int32
    ) throws {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(number, level, name, &value, size) == 0 else {
            throw IOError(errnoCode: errno, reason: "setsockopt")
        }
    }

    /// Calls `body` on the loop as long as there is something to read, or what was asked for.
    mutating func beginWatching(_ body: @escaping @Sendable () -> Void) throws {
        watch = DatagramLoop.shared.watch(number, body)
        guard watch != nil else { throw IOError(errnoCode: errno, reason: "epoll") }
    }

    /// Whether room to write is waited for too.
    mutating func watch(forWriting: Bool) {
        guard let watch, forWriting != isWatchedForWriting else { return }
        isWatchedForWriting = forWriting
        DatagramLoop.shared.watch(number, watch, forWriting: forWriting)
    }

    func close() {
        if let watch { DatagramLoop.shared.forget(number, watch) }
        _ = Glibc.close(number)
    }
}
