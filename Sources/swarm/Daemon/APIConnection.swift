import Glibc
import Terminal
import Units

/// Where the daemon can be spoken to.
enum APIPlace: Equatable, Sendable, CustomStringConvertible {
    case host(HostPort)
    case socket(String)

    /// What requests name as the host that they are for.
    var host: String { if case .host(let place) = self { "\(place)" } else { "localhost" } }

    /// Whether paths mean the same there as here.
    var isThisMachine: Bool {
        switch self {
        case .socket: true
        case .host(let place):
            place.host == "localhost" || place.host == "::1" || place.host.hasPrefix("127.")
        }
    }

    var description: String {
        switch self {
        case .host(let place): "\(place)"
        case .socket(let path): path
        }
    }
}

/// A connection for one request. Who calls waits: a command has nothing else to do meanwhile.
struct APIConnection: ~Copyable {
    /// An `errno`, or the resolver's words.
    enum Fault: Error, Equatable {
        case unreachable(errno: Int32)
        case unknownHost(String)
        case pathTooLong
    }

    private let descriptor: Int32

    init(to place: APIPlace) throws(Fault) {
        switch place {
        case .socket(let path): descriptor = try Self.connect(toSocket: path)
        case .host(let host): descriptor = try Self.connect(to: host)
        }
    }

    deinit { close(descriptor) }

    /// - Returns: 0, or the `errno` of the write that failed.
    func send(_ bytes: [UInt8]) -> Int32 {
        var left = bytes[...]
        while !left.isEmpty {
            let count = left.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                left = left.dropFirst(count)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }

    /// The bytes that came next; none at the end.
    func receive(into buffer: inout [UInt8]) throws(Fault) -> Int {
        while true {
            let count = buffer.withUnsafeMutableBytes {
                read(descriptor, $0.baseAddress, $0.count)
            }
            if count >= 0 { return count }
            // A server that has answered need not read all that it was sent.
            if errno == ECONNRESET { return 0 }
            guard errno == EINTR else { throw .unreachable(errno: errno) }
        }
    }

    // MARK: - Connecting

    private static func connect(toSocket path: String) throws(Fault) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        // One byte is for the end.
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw .pathTooLong
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        return try withUnsafePointer(to: &address) { pointer throws(Fault) in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                address throws(Fault) in
                try connect(family: AF_UNIX, address, size)
            }
        }
    }

    private static func connect(to place: HostPort) throws(Fault) -> Int32 {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(place.host, "\(place.port)", &hints, &first)
        guard code == 0 else {
            throw .unknownHost(gai_strerror(code).map { String(cString: $0) } ?? "error \(code)")
        }
        defer { freeaddrinfo(first) }
        var fault = Fault.unreachable(errno: EADDRNOTAVAIL)
        var next = first
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                do throws(Fault) {
                    return try connect(family: entry.ai_family, address, entry.ai_addrlen)
                } catch {
                    fault = error
                }
            }
            next = entry.ai_next
        }
        throw fault
    }

    private static func connect(
        family: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t
    ) throws(Fault) -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw .unreachable(errno: errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        // Linux heeds the time for sending while it connects, too (socket(7)).
        wait(descriptor, SO_SNDTIMEO, seconds: Limits.connectSeconds)
        wait(descriptor, SO_RCVTIMEO, seconds: Limits.answerSeconds)
        guard Glibc.connect(descriptor, address, size) == 0 else {
            let code = errno == EINPROGRESS ? ETIMEDOUT : errno
            close(descriptor)
            throw .unreachable(errno: code)
        }
        return descriptor
    }

    private static func wait(_ descriptor: Int32, _ option: Int32, seconds: Int) {
        var time = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
    }
}
