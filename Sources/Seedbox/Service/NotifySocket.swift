import Glibc

/// How the service manager is told of what becomes of the process, by the protocol of
/// `sd_notify(3)`: datagrams of `NAME=value` lines to a socket that it names.
public struct NotifySocket: Sendable {
    private let path: String
    /// How often it wants to hear that the process lives; nil if it does not ask.
    public let watchdogMicroseconds: Int64?

    /// Nil if nobody wants to be told.
    public init?(_ environment: [String: String]) {
        guard let path = environment["NOTIFY_SOCKET"], let first = path.first, "/@".contains(first),
            path.utf8.count <= Limits.socketPathBytesMax
        else { return nil }
        self.path = path
        let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let period = environment["WATCHDOG_USEC"].flatMap { Int64($0) }
        watchdogMicroseconds = isForUs ? period.flatMap { $0 > 0 ? $0 : nil } : nil
    }

    /// Where to open the page, and that there is one.
    public func ready(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    public func status(_ status: String) { send("STATUS=\(Self.line(status))") }

    /// `ready` is to follow.
    public func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    public func stopping() { send("STOPPING=1\nSTATUS=Telling trackers, saving the state") }

    public func alive() { send("WATCHDOG=1") }

    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// Nobody is to be held up by a manager that does not listen: what cannot be sent is lost.
    private func send(_ text: String) {
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyBytes(from: bytes)
            // `@` stands for the null byte with which names that are in no folder begin.
            if bytes.first == UInt8(ascii: "@") { place[0] = 0 }
        }
        let length = MemoryLayout<sa_family_t>.size + bytes.count
        let message = Array(text.utf8)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
                sendto(
                    descriptor, message, message.count,
                    Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL), place,
                    socklen_t(length))
            }
        }
    }
}
