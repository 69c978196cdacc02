/// A host, by name or number, and a port on it.
public struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// `192.0.2.1:6881`, `[2001:db8::1]:6881` or `name.example:6881`.
    public init(_ text: String) throws(ValueFault) {
        try self.init(text, portMin: 1)
    }

    /// A place to listen at: the same, and port 0 takes any that is free.
    public init(listeningAt text: String) throws(ValueFault) {
        try self.init(text, portMin: 0)
    }

    private init(_ text: String, portMin: UInt16) throws(ValueFault) {
        guard let colon = text.lastIndex(of: ":") else { throw .notAHostAndPort }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        if host.first == "[" {
            guard host.last == "]", host.contains(":") else { throw .bareIPv6 }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") || host.contains("]") {
            throw .bareIPv6
        }
        guard !host.isEmpty, !host.unicodeScalars.contains(where: { $0.properties.isWhitespace })
        else { throw .notAHostAndPort }
        guard (1...5).contains(digits.utf8.count),
            digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(digits), port >= portMin
        else { throw .badPort(String(digits)) }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
