import NIOCore

/// What the reader must know of the connection to tell at its head whether a frame is legal.
struct FrameRules: Sendable {
    var pieceCount: Int?
    var fast = false
    var extensions = false
    var v2 = false
    /// The extensions that we gave out ids for.
    var advertised = ExtensionIDs.ours
    var availability = Availability.mayCome

    /// Bitfield, have-all and have-none come first or not at all (BEP 3, BEP 6).
    enum Availability: Sendable {
        case mayCome
        case came
        case tooLate
    }
}

/// Cuts the stream into messages. A frame wholly in the caller's buffer is handed out as a slice;
/// what a read has of an unfinished frame is kept here, and of the next read only the missing
/// bytes are taken.
struct FrameReader: Sendable {
    enum Step {
        /// The bytes are used up.
        case needMore
        case keepAlive
        /// A message of at most three integers.
        case small(id: UInt8, UInt32, UInt32, UInt32)
        case block(piece: UInt32, begin: UInt32, ByteBuffer)
        /// Another message; `extensionID` is 0 unless it is an extended one.
        case body(id: UInt8, extensionID: UInt8, ByteBuffer)
        /// A message that is not understood; its bytes are skipped.
        case ignored(id: UInt8, length: UInt32)
        case failed(PeerError)
    }

    /// The first bytes of a frame whose head is not complete.
    private var head = (UInt64(0), UInt64(0), UInt64(0))
    private var headCount = 0
    /// The frame whose body is being gathered.
    private var gathering: Head?
    private var body = ByteBuffer()
    /// Bytes that are still to be skipped.
    private var skipCount = 0
    private var skippedCount = 0

    /// Bytes of the unfinished frame that came so far.
    var unfinishedBytes: Int { headCount + body.readableBytes + skippedCount }

    /// Bytes of memory held for the unfinished frame.
    var heldCapacity: Int { body.capacity }

    mutating func next(from bytes: inout ByteBuffer, _ rules: FrameRules) -> Step {
        if skipCount > 0 {
            skip(from: &bytes)
            if skipCount > 0 { return .needMore }
        }
        if let head = gathering { return gather(head, from: &bytes) }
        let parsed =
            headCount == 0
            ? bytes.withUnsafeReadableBytes { Head.parse($0, rules) }
            : completeHead(from: &bytes, rules)
        switch parsed {
        case .needs:
            keepHead(from: &bytes)
            return .needMore
        case .keepAlive:
            advance(&bytes, past: 4)
            return .keepAlive
        case .ignored(let id, let length, let byteCount):
            advance(&bytes, past: byteCount)
            skipCount = 4 + Int(length) - byteCount
            skippedCount = 0
            skip(from: &bytes)
            return .ignored(id: id, length: length)
        case .failed(let error):
            return .failed(error)
        case .head(let head, let byteCount):
            advance(&bytes, past: byteCount)
            return begin(head, from: &bytes)
        }
    }

    /// Drops all that is held.
    mutating func reset() { self = FrameReader() }

    // MARK: - Head

    /// Takes from `bytes` only what the head lacks, so that what follows it stays there.
    private mutating func completeHead(
        from bytes: inout ByteBuffer, _ rules: FrameRules
    ) -> Head.Parsed {
        while true {
            let parsed = withUnsafeBytes(of: head) { [headCount] raw in
                Head.parse(UnsafeRawBufferPointer(rebasing: raw[..<headCount]), rules)
            }
            guard case .needs(let byteCount) = parsed, bytes.readableBytes > 0 else {
                return parsed
            }
            moveToHead(min(byteCount - headCount, bytes.readableBytes), from: &bytes)
        }
    }

    private mutating func keepHead(from bytes: inout ByteBuffer) {
        moveToHead(min(bytes.readableBytes, Head.byteCountMax - headCount), from: &bytes)
    }

    private mutating func moveToHead(_ count: Int, from bytes: inout ByteBuffer) {
        withUnsafeMutableBytes(of: &head) { [headCount] raw in
            let place = UnsafeMutableRawBufferPointer(rebasing: raw[headCount...])
            bytes.withUnsafeReadableBytes { place.copyBytes(from: $0.prefix(count)) }
        }
        headCount += count
        bytes.moveReaderIndex(forwardBy: count)
    }

    /// A head is either wholly in `bytes` or wholly kept here.
    private mutating func advance(_ bytes: inout ByteBuffer, past byteCount: Int) {
        if headCount == 0 { bytes.moveReaderIndex(forwardBy: byteCount) }
        headCount = 0
    }

    // MARK: - Body

    private mutating func begin(_ head: Head, from bytes: inout ByteBuffer) -> Step {
        guard head.bodyCount > 0 || head.id == MessageID.extended else {
            return .small(id: head.id, head.first, head.second, head.third)
        }
        if let body = bytes.readSlice(length: head.bodyCount) { return head.step(with: body) }
        gathering = head
        body.reserveCapacity(min(head.bodyCount, Limits.gatherReserveMax))
        return gather(head, from: &bytes)
    }

    private mutating func gather(_ head: Head, from bytes: inout ByteBuffer) -> Step {
        let missing = head.bodyCount - body.readableBytes
        if let part = bytes.readSlice(length: min(missing, bytes.readableBytes)) {
            body.writeImmutableBuffer(part)
        }
        guard body.readableBytes == head.bodyCount else { return .needMore }
        let whole = body
        body = ByteBuffer()
        gathering = nil
        return head.step(with: whole)
    }

    private mutating func skip(from bytes: inout ByteBuffer) {
        let count = min(skipCount, bytes.readableBytes)
        bytes.moveReaderIndex(forwardBy: count)
        skipCount -= count
        skippedCount = skipCount == 0 ? 0 : skippedCount + count
    }
}
