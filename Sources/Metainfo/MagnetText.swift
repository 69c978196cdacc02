public import Hashing
import Units

// MARK: - Reading

extension MagnetLink {
    /// Reads `magnet:?xt=urn:btih:…`. Keys that are not known, or of no use, are passed over; of
    /// more trackers, web seeds, peers or ranges of files than there may be the first are taken.
    public init(_ text: some StringProtocol) throws(MagnetError) {
        let count = text.utf8.count
        guard count <= Limits.magnetBytesMax else {
            throw .tooLong(byteCount: count, max: Limits.magnetBytesMax)
        }
        let bytes = Array(text.utf8)
        let start = Array("magnet:?".utf8)
        guard bytes.count >= start.count,
            zip(bytes, start).allSatisfy({ asciiLowercased($0) == $1 })
        else { throw .notMagnet }
        var reader = MagnetReader()
        for part in bytes.dropFirst(start.count).split(separator: UInt8(ascii: "&")) {
            try reader.read(part)
        }
        self = try reader.link()
    }
}

/// Gathers what the parts of a link say.
private struct MagnetReader {
    private var v1: SHA1Digest?
    private var v2: SHA256Digest?
    private var displayName: String?
    private var trackers: [String] = []
    private var webSeeds: [String] = []
    private var peers: [MagnetLink.Peer] = []
    private var ranges: [ClosedRange<UInt32>]?
    private var exactLength: Int64?
    private var trackerURLs = URLCollector(schemes: OuterKeys.trackerSchemes)
    private var webSeedURLs = URLCollector(schemes: OuterKeys.webSeedSchemes)

    mutating func read(_ part: ArraySlice<UInt8>) throws(MagnetError) {
        guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return }
        let value = part[(equals + 1)...]
        switch Self.key(part[..<equals]) {
        case "xt": try readTopic(text(value))
        case "dn" where displayName == nil:
            let name = PercentEncoding.decoded(value, plusIsSpace: true)
            displayName = name.isEmpty ? nil : OuterKeys.text(name[...])
        case "tr":
            if let url = trackerURLs.take(text(value), max: Limits.trackerCountMax) {
                trackers.append(url)
            }
        case "ws":
            if let url = webSeedURLs.take(text(value), max: Limits.webSeedCountMax) {
                webSeeds.append(url)
            }
        case "x.pe": readPeer(text(value))
        case "so": readSelection(text(value))
        case "xl" where exactLength == nil:
            exactLength = Int64(text(value)).flatMap { $0 >= 0 ? $0 : nil }
        default: break
        }
    }

    func link() throws(MagnetError) -> MagnetLink {
        let infoHash: InfoHash
        switch (v1, v2) {
        case (let v1?, let v2?): infoHash = InfoHash(v1: v1, v2: v2)
        case (let v1?, nil): infoHash = InfoHash(v1: v1)
        case (nil, let v2?): infoHash = InfoHash(v2: v2)
        case (nil, nil): throw .infoHashMissing
        }
        return MagnetLink(
            infoHash: infoHash, displayName: displayName, trackers: trackers, webSeeds: webSeeds,
            peers: peers, selectedFiles: ranges.map { FileSelection($0) },
            exactLength: exactLength)
    }

    /// In lower case, without the number in `xt.1`, and without what is left of an `&amp;`.
    private static func key(_ bytes: ArraySlice<UInt8>) -> String {
        var key = String(decoding: bytes, as: UTF8.self).lowercased()[...]
        if key.hasPrefix("amp;") { key = key.dropFirst(4) }
        if let dot = key.lastIndex(of: "."), let number = key[dot...].dropFirst().first,
            number.isNumber
        {
            key = key[..<dot]
        }
        return String(key)
    }

    private func text(_ value: ArraySlice<UInt8>) -> String {
        String(decoding: PercentEncoding.decoded(value, plusIsSpace: false), as: UTF8.self)
    }

    private mutating func readTopic(_ topic: String) throws(MagnetError) {
        let prefix = topic.prefix(9).lowercased()
        guard prefix == "urn:btih:" || prefix == "urn:btmh:" else { return }
        guard let hash = InfoHash(magnetTopic: topic) else {
            throw .infoHashMalformed(String(topic.prefix(100)))
        }
        guard hash.v1 == nil || v1 == nil || v1 == hash.v1,
            hash.v2 == nil || v2 == nil || v2 == hash.v2
        else { throw .infoHashTwice }
        v1 = v1 ?? hash.v1
        v2 = v2 ?? hash.v2
    }

    private mutating func readPeer(_ text: String) {
        guard peers.count < Limits.magnetPeerCountMax,
            let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return
        }
        guard let peer = MagnetLink.Peer(host: String(host), port: port), !peers.contains(peer)
        else { return }
        peers.append(peer)
    }

    private mutating func readSelection(_ text: String) {
        var found = ranges ?? []
        for part in text.utf8.split(separator: UInt8(ascii: ",")) {
            guard found.count < Limits.magnetRangeCountMax else { break }
            let bounds = part.split(
                separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = bounds.first.flatMap({ Self.number($0) }),
                let last = bounds.last.flatMap({ Self.number($0) }), first <= last
            else { continue }
            found.append(first...last)
        }
        if !found.isEmpty { ranges = found }
    }

    private static func number(_ digits: Substring.UTF8View) -> UInt32? {
        guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt32(Substring(digits))
    }
}

extension InfoHash {
    /// Reads an info-hash that stands alone: 40 hexadecimal digits or 32 of base 32 of v1; 64
    /// hexadecimal digits of v2, with or without the `1220` of a multihash before.
    public init?(text: some StringProtocol) {
        switch text.utf8.count {
        case 40, 32: self.init(magnetTopic: "urn:btih:\(text)")
        case 64: self.init(magnetTopic: "urn:btmh:1220\(text)")
        case 68: self.init(magnetTopic: "urn:btmh:\(text)")
        default: return nil
        }
    }

    /// `urn:btih:` (BEP 9) or `urn:btmh:` (BEP 52, a multihash of SHA-256).
    fileprivate init?(magnetTopic topic: String) {
        let value = topic.dropFirst(9)
        if topic.prefix(9).lowercased() == "urn:btmh:" {
            guard value.hasPrefix("1220"), let v2 = SHA256Digest(hex: value.dropFirst(4)) else {
                return nil
            }
            self.init(v2: v2)
            return
        }
        let hash =
            value.utf8.count == 32
            ? Base32.decoded(value.utf8).flatMap { SHA1Digest(bytes: $0) }
            : SHA1Digest(hex: value)
        guard let hash else { return nil }
        self.init(v1: hash)
    }
}

enum Base32 {
    /// The bytes that digits of RFC 4648 spell, in either case; what is left of the last ones is
    /// dropped.
    static func decoded(_ digits: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var bitCount: UInt32 = 0
        for digit in digits {
            let value: UInt8
            switch asciiLowercased(digit) {
            case let letter where (0x61...0x7A).contains(letter): value = letter - 0x61
            case UInt8(ascii: "2")...UInt8(ascii: "7"): value = digit - UInt8(ascii: "2") + 26
            default: return nil
            }
            bits = (bits << 5 | UInt32(value)) & 0xFFFF
            bitCount += 5
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> bitCount))
            }
        }
        return bytes
    }
}

private func asciiLowercased(_ byte: UInt8) -> UInt8 {
    (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
}

// MARK: - Writing

extension MagnetLink {
    /// The link as text.
    public var text: String {
        var parts: [String] = []
        if let v1 = infoHash.v1 { parts.append("xt=urn:btih:\(v1)") }
        if let v2 = infoHash.v2 { parts.append("xt=urn:btmh:1220\(v2)") }
        if let displayName { parts.append("dn=" + Self.encoded(displayName)) }
        if let exactLength { parts.append("xl=\(exactLength)") }
        parts += trackers.map { "tr=" + Self.encoded($0) }
        parts += webSeeds.map { "ws=" + Self.encoded($0) }
        parts += peers.map { peer in
            let host = peer.host.utf8.contains(UInt8(ascii: ":")) ? "[\(peer.host)]" : peer.host
            return "x.pe=" + Self.encoded(host, keeping: "[]:") + ":\(peer.port)"
        }
        if let selectedFiles {
            let ranges = selectedFiles.ranges.map {
                $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
            }
            parts.append("so=" + ranges.joined(separator: ","))
        }
        return "magnet:?" + parts.joined(separator: "&")
    }

    private static func encoded(_ text: String, keeping marks: String = "") -> String {
        PercentEncoding.encoded(text.utf8) { byte in
            PercentEncoding.isUnreserved(byte) || marks.utf8.contains(byte)
        }
    }
}
