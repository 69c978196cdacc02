public import Hashing
public import NIOCore

/// The first 68 bytes of a connection (BEP 3).
public struct Handshake: Hashable, Sendable {
    /// The torrent: v1, or a v2 hash cut to 20 bytes (BEP 52).
    public var infoHash: SHA1Digest
    public var peerID: PeerID
    /// BEP 10, `reserved[5] & 0x10`.
    public var supportsExtensions: Bool
    /// BEP 6, `reserved[7] & 0x04`.
    public var supportsFast: Bool
    /// BEP 5, `reserved[7] & 0x01`.
    public var supportsDHT: Bool
    /// BEP 52, `reserved[7] & 0x10`: the peer may answer with the v2 info-hash of a hybrid.
    public var supportsV2: Bool

    /// A handshake of ours says that we can do all that this room can.
    public init(
        infoHash: SHA1Digest, peerID: PeerID, supportsExtensions: Bool = true,
        supportsFast: Bool = true, supportsDHT: Bool = false, supportsV2: Bool = false
    ) {
        self.infoHash = infoHash
        self.peerID = peerID
        self.supportsExtensions = supportsExtensions
        self.supportsFast = supportsFast
        self.supportsDHT = supportsDHT
        self.supportsV2 = supportsV2
    }

    public static let byteCount = 68
    /// The byte 19 and the protocol's name.
    static let prefix: [UInt8] = [19] + Array("BitTorrent protocol".utf8)

    private static let extensionsBit: UInt64 = 0x10 << 16
    private static let fastBit: UInt64 = 0x04
    private static let dhtBit: UInt64 = 0x01
    private static let v2Bit: UInt64 = 0x10

    public func encode(into buffer: inout ByteBuffer) {
        var reserved: UInt64 = 0
        if supportsExtensions { reserved |= Self.extensionsBit }
        if supportsFast { reserved |= Self.fastBit }
        if supportsDHT { reserved |= Self.dhtBit }
        if supportsV2 { reserved |= Self.v2Bit }
        buffer.writeBytes(Self.prefix)
        buffer.writeInteger(reserved)
        buffer.writeBytes(infoHash.bytes)
        buffer.writeBytes(peerID.bytes)
    }

    public var encoded: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(Self.byteCount)
        encode(into: &buffer)
        return buffer
    }

    /// Reads a whole handshake; `nil`, and nothing read, if there are fewer than 68 bytes or
    /// they are not BitTorrent's.
    public init?(reading buffer: inout ByteBuffer) {
        guard buffer.readableBytes >= Self.byteCount,
            Self.isPrefix(of: buffer),
            var rest = buffer.getSlice(
                at: buffer.readerIndex + Self.prefix.count,
                length: Self.byteCount - Self.prefix.count),
            let reserved = rest.readInteger(as: UInt64.self),
            let infoHash = rest.readSlice(length: SHA1Digest.byteCount)
                .flatMap({ SHA1Digest(bytes: $0.readableBytesView) }),
            let peerID = PeerID(bytes: rest.readableBytesView)
        else { return nil }
        buffer.moveReaderIndex(forwardBy: Self.byteCount)
        self.init(
            infoHash: infoHash, peerID: peerID,
            supportsExtensions: reserved & Self.extensionsBit != 0,
            supportsFast: reserved & Self.fastBit != 0,
            supportsDHT: reserved & Self.dhtBit != 0,
            supportsV2: reserved & Self.v2Bit != 0)
    }

    /// Whether the bytes so far may become a handshake.
    static func isPrefix(of buffer: ByteBuffer) -> Bool {
        zip(prefix, buffer.readableBytesView).allSatisfy { $0 == $1 }
    }
}
