import Glibc
import NIOCore
import NIOPosix
import Units

extension Doctor {
    // MARK: - Ports

    func ports(isRunning: Bool) -> [Finding] {
        var findings: [Finding] = []
        let network = settings.network
        let host = network.bind ?? "0.0.0.0"
        findings.append(port("peer port", host, network.port, isRunning: isRunning))
        if network.port != 0 {
            findings.append(
                Finding(
                    .warning, "from outside",
                    "cannot be seen from here: a router must forward TCP and UDP port "
                        + "\(network.port) to this machine"))
        }
        if let listen = settings.api.listen {
            let host = listen.host.lowercased() == "localhost" ? "127.0.0.1" : listen.host
            findings.append(port("API port", host, listen.port, isRunning: isRunning))
        }
        return findings
    }

    /// A daemon has its port, and can be connected to; without one the port must be free.
    private func port(
        _ subject: String, _ host: String, _ port: UInt16, isRunning: Bool
    ) -> Finding {
        guard port != 0 else { return Finding(.ok, subject, "any that is free") }
        guard let endpoint = Endpoint(addressText: host, port: port) else {
            return Finding(.warning, subject, "\(host) is a name: not looked at")
        }
        if isRunning {
            let near = endpoint.isUnspecified ? endpoint.loopback : endpoint
            guard let code = Self.connect(to: near) else {
                return Finding(.ok, subject, "\(near) takes connections")
            }
            return Finding(
                .failure, subject, "\(near) does not take connections (\(Self.words(code)))",
                fix: "journalctl -u swarm -n 50")
        }
        for kind in [SOCK_STREAM, SOCK_DGRAM] {
            guard let code = Self.bind(endpoint, kind) else { continue }
            let name = kind == SOCK_STREAM ? "TCP" : "UDP"
            return Finding(
                .failure, subject, "\(name) \(endpoint) cannot be had (\(Self.words(code)))",
                fix: code == EADDRINUSE ? "ss -lntup 'sport = :\(port)'" : nil)
        }
        return Finding(.ok, subject, "\(endpoint) is free")
    }

    private static func words(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0).lowercased() } ?? "error \(code)"
    }

    /// Nil if it can be bound, and listened at where that is a stream.
    /// The `errno` of it, or nil.
    static func bind(_ endpoint: Endpoint, _ kind: __socket_type) -> Int32? {
        withSocket(endpoint, kind) { descriptor, address, length in
            var on: Int32 = 1
            // The daemon does the same: what an earlier connection left behind is no hindrance.
            if kind == SOCK_STREAM {
                setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, 4)
            }
            guard Glibc.bind(descriptor, address, length) == 0 else { return errno }
            guard kind == SOCK_STREAM else { return nil }
            return listen(descriptor, 1) == 0 ? nil : errno
        }
    }

    private static func connect(to endpoint: Endpoint) -> Int32? {
        withSocket(endpoint, SOCK_STREAM) { descriptor, address, length in
            var limit = timeval(tv_sec: 2, tv_usec: 0)
            setsockopt(
                descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit,
                socklen_t(MemoryLayout<timeval>.size))
            return Glibc.connect(descriptor, address, length) == 0 ? nil : errno
        }
    }

    private static func withSocket(
        _ endpoint: Endpoint, _ kind: __socket_type,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32?
    ) -> Int32? {
        let family = endpoint.isIPv4 ? AF_INET : AF_INET6
        let flags = Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, flags, 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        // NIO knows how an address is laid out for the kernel.
        guard
            let address = try? SocketAddress(
                ipAddress: endpoint.addressText, port: Int(endpoint.port))
        else { return EINVAL }
        return address.withSockAddr { body(descriptor, $0, socklen_t($1)) }
    }

    // MARK: - Names

    /// Whether names are found: those by which the daemon itself begins.
    func names() async -> Finding {
        let nodes = settings.network.dhtBootstrap?.map(\.host) ?? Limits.namesToFind
        let hosts = settings.network.usesDHT ? nodes : []
        guard let host = hosts.first(where: { Endpoint(addressText: $0, port: 0) == nil }) else {
            return Finding(.ok, "DNS", "no name is needed to begin")
        }
        let code = await Self.resolve(host)
        switch code {
        case 0: return Finding(.ok, "DNS", "\(host) is found")
        case nil:
            return Finding(
                .warning, "DNS", "no answer for \(host): not looked at any longer",
                fix: "getent hosts \(host)")
        case .some(let code):
            let reason = gai_strerror(code).map { String(cString: $0) } ?? "error \(code)"
            return Finding(
                .warning, "DNS", "\(host) is not found (\(reason.lowercased()))",
                fix: "cat /etc/resolv.conf; getent hosts \(host)")
        }
    }

    /// Nil if that takes too long. The thread that asks is left to itself then.
    private static func resolve(_ host: String) async -> Int32? {
        let (answers, continuation) = AsyncStream.makeStream(of: Int32?.self)
        let lookup = Task.detached {
            let code = try? await NIOThreadPool.singleton.runIfActive { () -> Int32 in
                var list: UnsafeMutablePointer<addrinfo>?
                let code = getaddrinfo(host, nil, nil, &list)
                if let list { freeaddrinfo(list) }
                return code
            }
            continuation.yield(code)
        }
        let clock = Task.detached {
            try? await Task.sleep(for: .seconds(Limits.nameSecondsMax))
            continuation.yield(nil)
        }
        defer {
            lookup.cancel()
            clock.cancel()
        }
        for await answer in answers { return answer }
        return nil
    }
}

extension Endpoint {
    fileprivate var isUnspecified: Bool { addressText == "0.0.0.0" || addressText == "::" }

    fileprivate var loopback: Endpoint {
        isIPv4
            ? Endpoint(ipv4: 0x7F00_0001, port: port)
            : Endpoint(ipv6High: 0, low: 1, port: port)
    }
}
