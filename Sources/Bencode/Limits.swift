/// What a document may take, whoever wrote it.
public struct BencodeLimits: Hashable, Sendable {
    /// Bytes of input. Positions are kept in 32 bits, so more than 4 GiB is never read.
    public var byteCountMax: Int
    /// How deep lists and dictionaries may be nested: a document of one empty list has depth 1.
    public var depthMax: Int
    /// Integers, strings, keys, and the beginnings and ends of lists and dictionaries. Each costs
    /// 8 bytes while the document lives.
    public var tokenCountMax: Int

    public init(byteCountMax: Int, depthMax: Int, tokenCountMax: Int) {
        self.byteCountMax = min(max(0, byteCountMax), Limits.byteCountMax)
        self.depthMax = max(0, depthMax)
        self.tokenCountMax = min(max(0, tokenCountMax), Limits.tokenCountMax)
    }

    /// For `.torrent` files and info dictionaries: the largest that are in use have a few hundred
    /// thousand files and two million pieces.
    public static let metainfo = BencodeLimits(
        byteCountMax: 64 << 20, depthMax: 100, tokenCountMax: Limits.tokenCountMax)

    /// For messages of peers, trackers and DHT nodes: the largest is a tracker's answer of 1 MiB,
    /// and the one with most values has a list of peers as dictionaries.
    public static let message = BencodeLimits(
        byteCountMax: 1 << 20, depthMax: 100, tokenCountMax: 50_000)
}

enum Limits {
    /// Bytes: what a token's 32-bit offsets can name.
    static let byteCountMax = Int(UInt32.max) - 1
    /// Tokens: 24 MB of them, and 41 MB for the moment in which their array last grows.
    static let tokenCountMax = 3_000_000
    /// Tokens: room for a message or a small `.torrent` without growing.
    static let tokenCountReserved = 62
}
