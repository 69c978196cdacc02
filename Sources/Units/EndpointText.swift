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
    /// `192.0.2.1:6881` or `[2001:db8::1]:6881`: numbers only, never a name.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.decimal(text[text.index(after: colon)...], max: 65535)
        else { return nil }
        var host = Substring(text[..<colon])
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        self.init(addressText: host, port: UInt16(port))
    }

    /// An address without a port: `192.0.2.1` or `2001:db8::1`.
    public init?(addressText text: some StringProtocol, port: UInt16) {
        if text.contains(":") {
            guard let groups = Self.groups(of: Substring(text)) else { return nil }
            let high = groups[..<4].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            let low = groups[4...].reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            self.init(ipv6High: high, low: low, port: port)
        } else {
            guard let ipv4 = Self.ipv4(of: Substring(text)) else { return nil }
            self.init(ipv4: ipv4, port: port)
        }
    }

    private static func decimal(_ text: some StringProtocol, max: Int) -> Int? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let value = Int(text), value <= max
        else { return nil }
        return value
    }

    private static func ipv4(of text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = decimal(part, max: 255), part.utf8.count <= 3 else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    private static func groups(of text: Substring) -> [UInt16]? {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard text.utf8.count <= 45, halves.count <= 2 else { return nil }
        var parsed: [[UInt16]] = []
        for half in halves {
            guard let groups = hexGroups(of: half) else { return nil }
            parsed.append(groups)
        }
        guard parsed.count == 2 else { return parsed[0].count == 8 ? parsed[0] : nil }
        let missing = 8 - parsed[0].count - parsed[1].count
        guard missing >= 1 else { return nil }
        return parsed[0] + Array(repeating: 0, count: missing) + parsed[1]
    }

    private static func hexGroups(of text: Substring) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if part.contains("."), index == parts.count - 1, let ipv4 = ipv4(of: part) {
                groups += [UInt16(ipv4 >> 16), UInt16(truncatingIfNeeded: ipv4)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }
}
