/// How a torrent is named: by the SHA-1 of its info dictionary (v1, BEP 3), by the SHA-256 of it
/// (v2, BEP 52), or by both (hybrid). At least one is there.
public struct InfoHash: Hashable, Sendable, CustomStringConvertible {
    public let v1: SHA1Digest?
    public let v2: SHA256Digest?

    public init(v1: SHA1Digest) {
        self.v1 = v1
        self.v2 = nil
    }

    public init(v2: SHA256Digest) {
        self.v1 = nil
        self.v2 = v2
    }

    public init(v1: SHA1Digest, v2: SHA256Digest) {
        self.v1 = v1
        self.v2 = v2
    }

    /// The 20 bytes by which handshakes, trackers and the DHT know the torrent: v1 first, then
    /// the truncated v2 (BEP 52, "infohashes"). A hybrid torrent has two and is in two swarms.
    public var wireForms: [SHA1Digest] {
        [v1, v2?.truncated].compactMap(\.self)
    }

    /// Whether a torrent of these hashes has all the names that are in this one. A link may name
    /// one of the two of a hybrid torrent, or the second cut to 20 bytes.
    public func names(_ torrent: InfoHash) -> Bool {
        wireForms.allSatisfy(torrent.wireForms.contains)
    }

    /// The first of the wire forms: what the session files the torrent under.
    public var primary: SHA1Digest { v1 ?? v2?.truncated ?? .zero }

    /// `v1` in hex, or `v2` where there is no v1.
    public var description: String { v1.map { "\($0)" } ?? v2.map { "\($0)" } ?? "" }
}
