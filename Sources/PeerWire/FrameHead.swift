import NIOCore

/// The first bytes of a frame: the length, the id, and the integers that are at a known place.
struct Head: Sendable {
    var id: UInt8
    var extensionID: UInt8 = 0
    var first: UInt32 = 0
    var second: UInt32 = 0
    var third: UInt32 = 0
    /// Bytes after the head; 0 if the head is the whole message.
    var bodyCount: Int

    /// A request: length, id and three integers.
    static let byteCountMax = 17

    enum Parsed {
        /// More bytes are needed to tell: this many from the frame's beginning.
        case needs(Int)
        case keepAlive
        case head(Head, byteCount: Int)
        case ignored(id: UInt8, length: UInt32, byteCount: Int)
        case failed(PeerError)
    }

    func step(with body: ByteBuffer) -> FrameReader.Step {
        id == MessageID.piece
            ? .block(piece: first, begin: second, body)
            : .body(id: id, extensionID: extensionID, body)
    }

    static func parse(_ bytes: UnsafeRawBufferPointer, _ rules: FrameRules) -> Parsed {
        guard bytes.count >= 4 else { return .needs(4) }
        let length = integer(in: bytes, at: 0)
        guard length > 0 else { return .keepAlive }
        guard length <= Limits.frameLengthMax else {
            return .failed(.frameTooLarge(length: length))
        }
        guard bytes.count >= 5 else { return .needs(5) }
        let id = bytes[4]
        // Blocks are nearly all of the traffic, so they come first.
        if id == MessageID.piece {
            guard length >= 10, length <= 9 + Limits.blockLengthMax else {
                return .failed(.wrongLength(id: id, length: length))
            }
            guard bytes.count >= 13 else { return .needs(13) }
            let head = Head(
                id: id, first: integer(in: bytes, at: 5), second: integer(in: bytes, at: 9),
                bodyCount: Int(length) - 9)
            return .head(head, byteCount: 13)
        }
        switch verdict(on: id, length: length, rules) {
        case .small: return small(bytes, id: id, length: Int(length))
        case .long: return .head(Head(id: id, bodyCount: Int(length) - 1), byteCount: 5)
        case .extended: return extended(bytes, length: length, rules)
        case .unknown: return .ignored(id: id, length: length, byteCount: 5)
        case .illegal(let error): return .failed(error)
        }
    }

    private static func small(
        _ bytes: UnsafeRawBufferPointer, id: UInt8, length: Int
    ) -> Parsed {
        let byteCount = 4 + length
        guard bytes.count >= byteCount else { return .needs(byteCount) }
        var head = Head(id: id, bodyCount: 0)
        if id == MessageID.port {
            head.first = UInt32(bytes[5]) << 8 | UInt32(bytes[6])
        } else {
            if length >= 5 { head.first = integer(in: bytes, at: 5) }
            if length >= 13 {
                head.second = integer(in: bytes, at: 9)
                head.third = integer(in: bytes, at: 13)
            }
        }
        return .head(head, byteCount: byteCount)
    }

    /// The extension's id decides whether the message is gathered or skipped.
    private static func extended(
        _ bytes: UnsafeRawBufferPointer, length: UInt32, _ rules: FrameRules
    ) -> Parsed {
        guard bytes.count >= 6 else { return .needs(6) }
        let extensionID = bytes[5]
        guard extensionID == MessageID.extensionHandshake || rules.takes(extensionID) else {
            return .ignored(id: MessageID.extended, length: length, byteCount: 6)
        }
        let head = Head(
            id: MessageID.extended, extensionID: extensionID, bodyCount: Int(length) - 2)
        return .head(head, byteCount: 6)
    }

    /// Big-endian, as all integers of the protocol. The caller has checked the bounds.
    private static func integer(in bytes: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

// MARK: - The table of lengths

extension Head {
    private enum Verdict {
        case small
        case long
        case extended
        case unknown
        case illegal(PeerError)
    }

    /// Whether a message with this id may come, and with this length, which counts the id.
    private static func verdict(
        on id: UInt8, length: UInt32, _ rules: FrameRules
    ) -> Verdict {
        guard let shape = shape(of: id, rules) else { return .unknown }
        guard shape.isNegotiated else { return .illegal(.notNegotiated(id: id)) }
        guard shape.lengths.contains(length) else {
            return .illegal(.wrongLength(id: id, length: length))
        }
        switch id {
        case MessageID.bitfield: return length > 1 ? .long : .small
        case MessageID.haveAll, MessageID.haveNone:
            switch rules.availability {
            case .came: return .illegal(.repeatedAvailability(id: id))
            case .tooLate: return .illegal(.lateAvailability(id: id))
            case .mayCome: return .small
            }
        case MessageID.hashes:
            return (length - 49).isMultiple(of: 32)
                ? .long : .illegal(.wrongLength(id: id, length: length))
        case MessageID.hashRequest, MessageID.hashReject: return .long
        case MessageID.extended: return .extended
        default: return .small
        }
    }

    private struct Shape {
        var lengths: ClosedRange<UInt32>
        var isNegotiated = true

        init(_ length: UInt32, if isNegotiated: Bool = true) {
            self.init(length...length, if: isNegotiated)
        }

        init(_ lengths: ClosedRange<UInt32>, if isNegotiated: Bool = true) {
            self.lengths = lengths
            self.isNegotiated = isNegotiated
        }
    }

    /// `nil` for an id that we do not know.
    private static func shape(of id: UInt8, _ rules: FrameRules) -> Shape? {
        switch id {
        case MessageID.choke, MessageID.unchoke, MessageID.interested, MessageID.notInterested:
            Shape(1)
        case MessageID.have: Shape(5)
        case MessageID.bitfield: Shape(bitfieldLengths(rules))
        case MessageID.request, MessageID.cancel: Shape(13)
        case MessageID.port: Shape(3)
        case MessageID.suggest, MessageID.allowedFast: Shape(5, if: rules.fast)
        case MessageID.haveAll, MessageID.haveNone: Shape(1, if: rules.fast)
        case MessageID.reject: Shape(13, if: rules.fast)
        case MessageID.extended: Shape(2...Limits.frameLengthMax, if: rules.extensions)
        case MessageID.hashRequest, MessageID.hashReject: Shape(49, if: rules.v2)
        case MessageID.hashes:
            Shape(
                (49 + 2 * 32)...(49 + 32 * (Limits.hashesMax + Limits.hashLayersMax)),
                if: rules.v2)
        default: nil
        }
    }

    private static func bitfieldLengths(_ rules: FrameRules) -> ClosedRange<UInt32> {
        guard let count = rules.pieceCount else {
            return 1...UInt32(1 + Limits.heldBitfieldBytesMax)
        }
        let length = UInt32(clamping: count / 8 + (count % 8 == 0 ? 1 : 2))
        return length...length
    }
}

extension FrameRules {
    /// Whether we gave out this id.
    func takes(_ extensionID: UInt8) -> Bool {
        guard let known = ExtensionID(rawValue: extensionID) else { return false }
        return advertised.sendingID(of: known) == extensionID
    }
}
