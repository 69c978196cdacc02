import Bencode
public import Units

/// Every bound of this room. A peer that passes one is closed, or the message is ignored and
/// counted, as is said there.
public enum Limits {
    // MARK: Frames

    /// Bytes, what a length prefix may say. Room for the longest extended message; libtorrent's
    /// bound is the same.
    static let frameLengthMax: UInt32 = 1 << 20
    /// Bytes of one block. We ask for 16 KiB at a time; 128 KiB is what old clients ask us for.
    public static let blockLengthMax: UInt32 = 128 * 1024
    /// Bytes reserved when a frame is split between two reads. A 16 KiB block needs no second
    /// reservation; what is longer grows with the data received, never with the length declared.
    static let gatherReserveMax = 16 * 1024
    /// Bytes kept of a connection that was not accepted yet: the longest bitfield twice over.
    static let unacceptedBytesMax = 512 * 1024

    // MARK: Availability

    /// Pieces of one torrent, as in the metainfo room.
    public static let piecesMax = 2_097_152
    /// Bytes of a bitfield that comes before the piece count is known.
    static let heldBitfieldBytesMax = piecesMax / 8
    /// Haves and dont-haves kept until the piece count is known. What comes after them is
    /// forgotten: we then believe the peer to have less than it has.
    static let heldChangesMax = 16_384
    /// Haves beyond one a piece, for clients that repeat themselves.
    static let repeatedHavesMax = 10_000

    // MARK: Advice and requests

    /// Allowed-fast pieces taken from one peer; BEP 6 proposes 10.
    static let allowedFastMax = 16
    /// Suggestions taken from one peer within `suggestionsWindow`.
    static let suggestionsMax: Int64 = 100
    static let suggestionsWindow = Interval.seconds(60)
    /// A PORT message makes us ping a DHT node, so one counts in this time.
    static let portWindow = Interval.minutes(5)
    /// Requests out of range that are rejected before the connection is closed.
    static let invalidRequestsMax = 100

    // MARK: Floods

    /// What one message that moves no data costs, so that 100 a second may come for ever …
    static let controlCost = Interval.milliseconds(10)
    /// … and 1,000 at once.
    static let controlBurst = Interval.seconds(10)
    /// What a dont-have costs: a peer that evicts pieces may evict thousands at a time.
    static let dontHaveCost = Interval.milliseconds(1)
    /// Bytes of an ignored message or of an extension handshake that cost as much as a message.
    static let controlBytesPerCost = 4096
    /// An extension handshake costs as much as this many messages: it is parsed and allocates.
    static let extensionHandshakeCosts: Int64 = 10
    /// A bitfield after the first costs as much as this many messages: all pieces are looked at.
    static let laterBitfieldCosts: Int64 = 10
    /// Extension messages with ids that we never gave out.
    static let unadvertisedMax = 100
    /// Messages that were ignored because their content made no sense.
    static let malformedMax = 20

    // MARK: The extension handshake (BEP 10)

    /// Bytes of UTF-8 kept of a client's name.
    static let clientNameBytesMax = 64
    /// Requests that we let a peer say it can queue (`reqq`).
    public static let requestQueueMax = 2000
    /// Bytes of metadata (BEP 9, `metadata_size`).
    public static let metadataSizeMax = 16 << 20

    // MARK: Peer exchange (BEP 11)

    /// Contacts of one list of a message, IPv4 and IPv6 together.
    public static let peerExchangeContactsMax = 50
    /// Bytes of a message: a first one may name all that a client is connected to.
    static let peerExchangeBytesMax = 64 << 10
    /// Values in a message; BEP 11 has six.
    static let peerExchangeTokensMax = 256

    // MARK: Metadata (BEP 9)

    /// Bytes of the dictionary of a metadata message: three keys in use, and room for others.
    static let metadataHeadBytesMax = 1024
    static let metadataHead = BencodeLimits(
        byteCountMax: metadataHeadBytesMax, depthMax: 10, tokenCountMax: 500)

    // MARK: Merkle hashes (BEP 52)

    /// Hashes of one layer in one message: the leaves of a piece of 128 MiB. The BEP says that
    /// more than 512 should not be asked for; libtorrent asks for all leaves of a piece.
    public static let hashesMax: UInt32 = 8192
    /// Layers of a tree over all the blocks that 64 bits of length can hold.
    static let hashLayersMax: UInt32 = 50

    // MARK: Time

    /// For the whole handshake, from the connection to `accept`.
    public static let handshakeTimeout = Interval.seconds(10)
    /// Silence that closes: keep-alives come every two minutes (BEP 3), and half a minute late.
    public static let idleTimeout = Interval.seconds(150)
    /// Our silence that makes us send a keep-alive.
    public static let keepAliveInterval = Interval.seconds(100)
    /// Bytes of an unfinished frame that count as a sign of life. A byte now and then does not.
    static let progressBytes = 1024
}
