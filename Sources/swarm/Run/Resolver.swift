import Dispatch
import Glibc
import Terminal
import Units

/// Addresses of hosts, by the system's resolver. It may block for long, so that it never runs on
/// a thread that others wait for.
enum Resolver {
    /// Every address of the host, in the order of the system's preference.
    static func endpoints(of place: HostPort) async throws(Failure) -> [Endpoint] {
        if let endpoint = Endpoint(addressText: place.host, port: place.port) { return [endpoint] }
        let answer = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: lookUp(place))
            }
        }
        switch answer {
        case .success(let endpoints): return endpoints
        case .failure(let failure): throw failure
        }
    }

    private static func lookUp(_ place: HostPort) -> Result<[Endpoint], Failure> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(place.host, nil, &hints, &first)
        guard code == 0 else {
            let reason = gai_strerror(code).map { String(cString: $0) } ?? "error \(code)"
            return .failure(Failure(.failed, "\(place)", reason))
        }
        defer { freeaddrinfo(first) }
        var endpoints: [Endpoint] = []
        var next = first
        while let entry = next {
            if let endpoint = endpoint(entry.pointee, port: place.port),
                !endpoints.contains(endpoint)
            {
                endpoints.append(endpoint)
            }
            next = entry.pointee.ai_next
        }
        guard !endpoints.isEmpty else {
            return .failure(Failure(.failed, "\(place)", "the name has no address"))
        }
        return .success(endpoints)
    }

    private static func endpoint(_ entry: addrinfo, port: UInt16) -> Endpoint? {
        guard let address = entry.ai_addr else { return nil }
        let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
        switch entry.ai_family {
        case AF_INET:
            // Family and port take four bytes.
            guard bytes.count >= 8 else { return nil }
            let value = bytes[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return Endpoint(ipv4: value, port: port)
        case AF_INET6:
            guard bytes.count >= 24 else { return nil }
            let high = bytes[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let low = bytes[16..<24].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return Endpoint(ipv6High: high, low: low, port: port)
        default: return nil
        }
    }
}
