public import Hashing
public import Units

/// What a client says of itself to its neighbours (BEP 14, "BT-SEARCH"): that it takes part in
/// these torrents, and at which port it accepts peers. Its address is the datagram's.
public struct LocalAnnounce: Hashable, Sendable {
    /// Where announces are sent: one multicast group for each address family.
    public enum Group: Sendable, CaseIterable {
        case ipv4
        case ipv6

        public static let port: UInt16 = 6771

        public var endpoint: Endpoint {
            switch self {
            case .ipv4: Endpoint(ipv4: 0xEFC0_988F, port: Self.port)
            case .ipv6:
                Endpoint(ipv6High: 0xFF15_0000_0000_0000, low: 0xEFC0_988F, port: Self.port)
            }
        }

        /// For the header `Host`: both are also the text of the endpoint.
        var host: String { endpoint.description }
    }

    public var infoHashes: [SHA1Digest]
    public var port: UInt16
    /// Tells the sender its own announces from those of others; empty if there is none.
    public var cookie: [UInt8]

    public init(infoHashes: [SHA1Digest], port: UInt16, cookie: [UInt8] = []) {
        self.infoHashes = infoHashes
        self.port = port
        self.cookie = cookie
    }
}

/// Why a datagram is no announce.
public enum LocalAnnounceError: Error, Hashable, Sendable {
    case tooLong(byteCount: Int)
    /// Its first line is another one.
    case notAnAnnounce
    /// The port is missing, or none.
    case noPort
    /// There is no info-hash that could be one.
    case noInfoHash
}

extension LocalAnnounceError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let count): "the announce has \(count) bytes"
        case .notAnAnnounce: "the datagram is no local announce"
        case .noPort: "the announce names no port"
        case .noInfoHash: "the announce names no torrent"
        }
    }
}

// MARK: - Reading

extension LocalAnnounce {
    /// Reads an announce. Lines end with LF, before which there may be a CR; what follows the last
    /// LF was cut off and is left out, and so are headers that are not known or make no sense.
    public init(parsing bytes: [UInt8]) throws(LocalAnnounceError) {
        guard bytes.count <= Limits.localAnnounceBytesMax else {
            throw .tooLong(byteCount: bytes.count)
        }
        var rest = bytes[...]
        guard let first = Self.line(&rest), Self.isRequest(first) else { throw .notAnAnnounce }
        var infoHashes: [SHA1Digest] = []
        var port: UInt16?
        var cookie: [UInt8] = []
        while let line = Self.line(&rest), !line.isEmpty {
            guard let (name, value) = Self.header(line) else { continue }
            switch name {
            case "infohash":
                guard let infoHash = Self.infoHash(value), !infoHashes.contains(infoHash),
                    infoHashes.count < Limits.localAnnounceHashesTaken
                else { continue }
                infoHashes.append(infoHash)
            case "port" where port == nil: port = Self.port(value)
            case "cookie" where value.count <= Limits.localCookieBytesMax: cookie = Array(value)
            default: continue
            }
        }
        guard let port, port != 0 else { throw .noPort }
        guard !infoHashes.isEmpty else { throw .noInfoHash }
        self.init(infoHashes: infoHashes, port: port, cookie: cookie)
    }

    private static func line(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        defer { rest = rest[(end + 1)...] }
        let line = rest[..<end]
        return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    }

    /// `BT-SEARCH * HTTP/1.1`
    private static func isRequest(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 3)
        return words.count == 3 && lowercase(words[0]) == "bt-search"
            && words[1].elementsEqual("*".utf8) && lowercase(words[2].prefix(7)) == "http/1."
    }

    /// The name in lower case, the value without the white space around it.
    private static func header(
        _ line: ArraySlice<UInt8>
    ) -> (name: String, value: ArraySlice<UInt8>)? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
            let name = lowercase(line[..<colon])
        else { return nil }
        var value = line[(colon + 1)...]
        func isSpace(_ byte: UInt8?) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
        }
        while isSpace(value.first) { value = value.dropFirst() }
        while isSpace(value.last) { value = value.dropLast() }
        return (name, value)
    }

    /// Nil for what is longer than any word that matters.
    private static func lowercase(_ bytes: ArraySlice<UInt8>) -> String? {
        guard bytes.count <= Limits.localHeaderNameBytesMax else { return nil }
        let isUpper = UInt8(ascii: "A")...UInt8(ascii: "Z")
        let lower = bytes.map { isUpper.contains($0) ? $0 | 0x20 : $0 }
        return String(validating: lower, as: UTF8.self)
    }

    private static func infoHash(_ value: ArraySlice<UInt8>) -> SHA1Digest? {
        guard value.count == 2 * SHA1Digest.byteCount,
            let text = String(validating: value, as: UTF8.self),
            let infoHash = SHA1Digest(hex: text), infoHash != .zero
        else { return nil }
        return infoHash
    }

    private static func port(_ value: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(value.count) else { return nil }
        var port: UInt32 = 0
        for digit in value {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            port = port * 10 + UInt32(digit - UInt8(ascii: "0"))
        }
        return UInt16(exactly: port)
    }
}

// MARK: - Writing

extension LocalAnnounce {
    /// The datagram for a group, of at most 1,400 bytes: so many info-hashes as fit.
    public func encoded(for group: Group) -> [UInt8] {
        var text = "BT-SEARCH * HTTP/1.1\r\nHost: \(group.host)\r\nPort: \(port)\r\n"
        for infoHash in infoHashes.prefix(Limits.localAnnounceHashesMax) {
            text += "Infohash: \(infoHash)\r\n"
        }
        var bytes = Array(text.utf8)
        if !cookie.isEmpty {
            bytes += Array("cookie: ".utf8)
            // A line of its own, whatever it holds.
            bytes += cookie.prefix(Limits.localCookieBytesMax).filter { $0 > 0x20 && $0 < 0x7F }
            bytes += Array("\r\n".utf8)
        }
        return bytes + Array("\r\n\r\n".utf8)
    }
}
