extension Endpoint: CustomStringConvertible {
    /// `192.0.2.1:6881` or `[2001:db8::1]:6881`.
    public var description: String {
        isIPv4 ? "\(addressText):\(port)" : "[\(addressText)]:\(port)"
    }

    /// The address alone; IPv6 in the canonical form of RFC 5952.
    public var addressText: String {
        if let ipv4 {
            return (0..<4).map { String(ipv4 >> UInt32(24 - 8 * $0) & 0xFF) }.joined(separator: ".")
        }
        let groups = groups
        let zeros = Self.longestZeroRun(in: groups)
        guard zeros.count >= 2 else { return Self.hex(groups[...]) }
        return Self.hex(groups[..<zeros.lowerBound]) + "::" + Self.hex(groups[zeros.upperBound...])
    }

    private var groups: [UInt16] {
        (0..<8).map { index in
            UInt16(truncatingIfNeeded: (index < 4 ? high : low) >> UInt64(48 - 16 * (index % 4)))
        }
    }

    private static func hex(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    private static func longestZeroRun(in groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in 0...groups.count {
            if index < groups.count, groups[index] == 0 { continue }
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        return best
    }
}

extension Endpoint {
    /// `192.0.2.1:6881` or `[2001:db8::1]:6881`: numbers only, never a name, no zone.
    public init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8.prefix(Self.textBytesMax + 1))
        guard bytes.count <= Self.textBytesMax, let colon = bytes.lastIndex(of: UInt8(ascii: ":")),
            let port = Self.decimal(bytes[(colon + 1)...], digitsMax: 5)
        else { return nil }
        let host = bytes[..<colon]
        guard port <= UInt32(UInt16.max) else { return nil }
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]"), host.count >= 2 {
            guard let words = Self.ipv6(of: host.dropFirst().dropLast()) else { return nil }
            self.init(ipv6High: words.high, low: words.low, port: UInt16(port))
        } else {
            guard let ipv4 = Self.ipv4(of: host) else { return nil }
            self.init(ipv4: ipv4, port: UInt16(port))
        }
    }

    /// An address without a port: `192.0.2.1` or `2001:db8::1`.
    public init?(addressText text: some StringProtocol, port: UInt16) {
        let bytes = Array(text.utf8.prefix(Self.textBytesMax + 1))
        guard bytes.count <= Self.textBytesMax else { return nil }
        if let words = Self.ipv6(of: bytes[...]) {
            self.init(ipv6High: words.high, low: words.low, port: port)
        } else {
            guard let ipv4 = Self.ipv4(of: bytes[...]) else { return nil }
            self.init(ipv4: ipv4, port: port)
        }
    }

    /// Bytes of the longest text of an endpoint, `[` eight groups the last two in decimal `]:port`.
    private static let textBytesMax = 45 + 8

    /// Decimal without leading zeros, which elsewhere mean octal and so another address.
    private static func decimal(_ text: ArraySlice<UInt8>, digitsMax: Int) -> UInt32? {
        guard (1...digitsMax).contains(text.count) else { return nil }
        guard text.first != UInt8(ascii: "0") || text.count == 1 else { return nil }
        var value: UInt32 = 0
        for digit in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + UInt32(digit - UInt8(ascii: "0"))
        }
        return value
    }

    private static func ipv4(of text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(
            separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = decimal(part, digitsMax: 3), byte <= 255 else { return nil }
            address = address << 8 | byte
        }
        return address
    }

    /// RFC 4291, section 2.2, in all its forms: `::` at most once and for at least one group, and
    /// the last two groups in dotted decimal if so wished.
    private static func ipv6(of text: ArraySlice<UInt8>) -> (high: UInt64, low: UInt64)? {
        let colon = UInt8(ascii: ":")
        let parts = text.split(separator: colon, maxSplits: 9, omittingEmptySubsequences: false)
        guard (3...9).contains(parts.count) else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                // An empty part at either end is there only because `::` is.
                if index == 0 || index == parts.count - 1 {
                    guard parts[index == 0 ? 1 : index - 1].isEmpty else { return nil }
                }
                if index == 0 { continue }
                if index == parts.count - 1, gap != nil { continue }
                guard gap == nil else { return nil }
                gap = groups.count
            } else if index == parts.count - 1, let ipv4 = ipv4(of: part) {
                groups += [UInt16(ipv4 >> 16), UInt16(truncatingIfNeeded: ipv4)]
            } else {
                guard let group = hexGroup(part) else { return nil }
                groups.append(group)
            }
        }
        return words(of: groups, gap: gap)
    }

    private static func words(of groups: [UInt16], gap: Int?) -> (high: UInt64, low: UInt64)? {
        var groups = groups
        if let gap {
            guard groups.count <= 7 else { return nil }
            groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        let high = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
        return (high, groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) })
    }

    private static func hexGroup(_ text: ArraySlice<UInt8>) -> UInt16? {
        guard (1...4).contains(text.count) else { return nil }
        var value: UInt16 = 0
        for digit in text {
            guard let nibble = hexValue(digit) else { return nil }
            value = value << 4 | UInt16(nibble)
        }
        return value
    }
}
