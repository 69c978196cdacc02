import Hashing
import NIOCore
import Units

// What each message does, and whether it may come. The reader has checked its length and whether
// it was negotiated.
extension PeerSession {
    typealias Events = ActionBuffer<Event>

    mutating func consume(_ bytes: inout ByteBuffer, now: Instant, into events: inout Events) {
        var isProgress = false
        consuming: while phase == .open {
            switch reader.next(from: &bytes, rules) {
            case .block(let piece, let begin, let block):
                takeBlock(PieceIndex(piece), begin: begin, block, into: &events)
            case .small(let id, let first, let second, let third):
                takeSmall(id, first, second, third, now: now, into: &events)
            case .body(let id, let extensionID, let body):
                takeBody(id, extensionID, body, now: now, into: &events)
            case .keepAlive: _ = charge(now: now, into: &events)
            case .ignored(let id, let length): ignore(id, length, now: now, into: &events)
            case .failed(let error): close(error, into: &events)
            case .needMore: break consuming
            }
            isProgress = true
        }
        guard phase == .open else {
            bytes.moveReaderIndex(to: bytes.writerIndex)
            return
        }
        let unfinished = reader.unfinishedBytes
        if isProgress || unfinished - progressMark >= Limits.progressBytes {
            lastHeard = now
            progressMark = unfinished
        }
    }

    private mutating func takeBlock(
        _ piece: PieceIndex, begin: UInt32, _ block: ByteBuffer, into events: inout Events
    ) {
        noteOrder(MessageID.piece)
        guard let count = rules.pieceCount else {
            close(.unsolicited(id: MessageID.piece), into: &events)
            return
        }
        guard piece.position < count else {
            close(.pieceOutOfRange(piece, pieceCount: count), into: &events)
            return
        }
        let length = UInt32(clamping: block.readableBytes)
        guard !begin.addingReportingOverflow(length).overflow else {
            close(.unsolicited(id: MessageID.piece), into: &events)
            return
        }
        events.append(.message(.piece(piece, begin: begin, block)))
    }

    private mutating func takeSmall(
        _ id: UInt8, _ first: UInt32, _ second: UInt32, _ third: UInt32, now: Instant,
        into events: inout Events
    ) {
        let isFirst = noteOrder(id)
        let block = BlockRequest(piece: PieceIndex(first), begin: second, length: third)
        switch id {
        case MessageID.choke: takeChoking(true, now: now, into: &events)
        case MessageID.unchoke: takeChoking(false, now: now, into: &events)
        case MessageID.interested: takeInterest(true, now: now, into: &events)
        case MessageID.notInterested: takeInterest(false, now: now, into: &events)
        case MessageID.have: takeHave(PieceIndex(first), into: &events)
        case MessageID.bitfield:
            takeBitfield(ByteBuffer(), isFirst: isFirst, now: now, into: &events)
        case MessageID.request: takeRequest(block, now: now, into: &events)
        case MessageID.cancel: takeCancel(block, now: now, into: &events)
        case MessageID.port: takePort(first, now: now, into: &events)
        case MessageID.suggest: takeSuggestion(PieceIndex(first), now: now, into: &events)
        case MessageID.haveAll: takeHaveAll(into: &events)
        case MessageID.haveNone: takeHaveNone(into: &events)
        case MessageID.reject: takeReject(block, into: &events)
        case MessageID.allowedFast: takeAllowedFast(PieceIndex(first), now: now, into: &events)
        default: break
        }
    }

    private mutating func takeBody(
        _ id: UInt8, _ extensionID: UInt8, _ body: ByteBuffer, now: Instant,
        into events: inout Events
    ) {
        let isFirst = noteOrder(id)
        switch id {
        case MessageID.bitfield: takeBitfield(body, isFirst: isFirst, now: now, into: &events)
        case MessageID.extended: takeExtended(extensionID, body, now: now, into: &events)
        case MessageID.hashRequest, MessageID.hashes, MessageID.hashReject:
            takeHashes(id, body, now: now, into: &events)
        default: break
        }
    }

    /// After the first message that is not about extensions or the DHT, the peer can no longer
    /// say that it has all or nothing. True for a message that came in time for that.
    @discardableResult
    private mutating func noteOrder(_ id: UInt8) -> Bool {
        guard rules.availability == .mayCome else { return false }
        switch id {
        case MessageID.bitfield, MessageID.haveAll, MessageID.haveNone: rules.availability = .came
        case MessageID.extended, MessageID.port: break
        default: rules.availability = .tooLate
        }
        return true
    }
}

// MARK: - Choking and interest (BEP 3)

extension PeerSession {
    private mutating func takeChoking(_ isChoking: Bool, now: Instant, into events: inout Events) {
        guard charge(now: now, into: &events) else { return }
        guard isChoking != isPeerChoking else { return counters.redundant.count() }
        isPeerChoking = isChoking
        events.append(.message(isChoking ? .choke : .unchoke))
    }

    private mutating func takeInterest(
        _ isInterested: Bool, now: Instant, into events: inout Events
    ) {
        guard charge(now: now, into: &events) else { return }
        guard isInterested != isPeerInterested else { return counters.redundant.count() }
        isPeerInterested = isInterested
        events.append(.message(isInterested ? .interested : .notInterested))
    }
}

// MARK: - What the peer has (BEP 3, BEP 6, BEP 54)

extension PeerSession {
    private mutating func takeHave(_ piece: PieceIndex, into events: inout Events) {
        let count = rules.pieceCount ?? Limits.piecesMax
        guard piece.position < count else {
            close(.pieceOutOfRange(piece, pieceCount: count), into: &events)
            return
        }
        // A piece is had once, so honest peers stay far below this.
        haveCount += 1
        guard haveCount <= count.addingSaturating(Limits.repeatedHavesMax) else {
            close(.flood(.haves), into: &events)
            return
        }
        if rules.pieceCount == nil {
            availability.gained(piece)
        } else {
            events.append(.message(.have(piece)))
        }
    }

    /// A bitfield in the middle of things replaces what was said before: aria2 sends one where it
    /// would be shorter than its haves. It takes more work than a message, and so costs more.
    private mutating func takeBitfield(
        _ body: ByteBuffer, isFirst: Bool, now: Instant, into events: inout Events
    ) {
        if !isFirst {
            let size = Int64(body.readableBytes) / Int64(Limits.controlBytesPerCost)
            let cost = Limits.controlCost * (Limits.laterBitfieldCosts + size)
            guard charge(cost, now: now, into: &events) else { return }
        }
        guard let count = rules.pieceCount else {
            availability.setBitfield(Array(body.readableBytesView))
            return
        }
        guard let pieces = Bitfield(wireBytes: Array(body.readableBytesView), count: count) else {
            close(.invalidBitfield(pieceCount: count), into: &events)
            return
        }
        events.append(.message(.bitfield(pieces)))
    }

    private mutating func takeHaveAll(into events: inout Events) {
        if rules.pieceCount == nil {
            availability.setAll()
        } else {
            events.append(.message(.haveAll))
        }
    }

    private mutating func takeHaveNone(into events: inout Events) {
        if rules.pieceCount == nil {
            availability.setNothing()
        } else {
            events.append(.message(.haveNone))
        }
    }

    mutating func takeDontHave(_ piece: PieceIndex, into events: inout Events) {
        guard piece.position < rules.pieceCount ?? Limits.piecesMax else {
            return counters.outOfRange.count()
        }
        // The piece may come back.
        haveCount = max(0, haveCount - 1)
        if rules.pieceCount == nil {
            availability.lost(piece)
        } else {
            events.append(.message(.dontHave(piece)))
        }
    }
}

// MARK: - Requests (BEP 3, BEP 6)

extension PeerSession {
    private func isPossible(_ request: BlockRequest) -> Bool {
        guard let count = rules.pieceCount else { return false }
        return request.piece.position < count && request.length > 0
            && request.length <= Limits.blockLengthMax && request.end <= UInt64(UInt32.max)
    }

    private mutating func takeRequest(
        _ request: BlockRequest, now: Instant, into events: inout Events
    ) {
        if isPossible(request) {
            events.append(.message(.request(request)))
            return
        }
        guard charge(now: now, into: &events) else { return }
        // Before the metadata is known we have nothing, and no peer can know the numbers.
        if rules.pieceCount == nil {
            counters.outOfRange.count()
        } else {
            counters.invalidRequests.count()
            guard rules.fast else {
                close(.invalidRequest(request), into: &events)
                return
            }
            guard counters.invalidRequests <= Limits.invalidRequestsMax else {
                close(.flood(.invalidRequests), into: &events)
                return
            }
        }
        if rules.fast { events.append(.send(.reject(request))) }
    }

    private mutating func takeCancel(
        _ request: BlockRequest, now: Instant, into events: inout Events
    ) {
        if isPossible(request) {
            events.append(.message(.cancel(request)))
        } else if charge(now: now, into: &events) {
            counters.outOfRange.count()
        }
    }

    /// We ask only for what there is, so a reject of anything else answers nothing.
    private mutating func takeReject(_ request: BlockRequest, into events: inout Events) {
        guard isPossible(request) else {
            close(.unsolicited(id: MessageID.reject), into: &events)
            return
        }
        events.append(.message(.reject(request)))
    }
}

// MARK: - Advice (BEP 5, BEP 6)

extension PeerSession {
    private mutating func takePort(_ port: UInt32, now: Instant, into events: inout Events) {
        guard charge(now: now, into: &events) else { return }
        guard let port = UInt16(exactly: port), port != 0 else {
            return counters.malformed.count()
        }
        let window = Limits.portWindow
        guard ports.take(window, of: window, now: now) else { return counters.redundant.count() }
        events.append(.message(.port(port)))
    }

    private mutating func takeSuggestion(
        _ piece: PieceIndex, now: Instant, into events: inout Events
    ) {
        guard charge(now: now, into: &events) else { return }
        guard piece.position < rules.pieceCount ?? 0 else { return counters.outOfRange.count() }
        let window = Limits.suggestionsWindow
        guard suggestions.take(window / Limits.suggestionsMax, of: window, now: now) else {
            return counters.redundant.count()
        }
        events.append(.message(.suggest(piece)))
    }

    private mutating func takeAllowedFast(
        _ piece: PieceIndex, now: Instant, into events: inout Events
    ) {
        guard charge(now: now, into: &events) else { return }
        guard piece.position < rules.pieceCount ?? Limits.piecesMax else {
            return counters.outOfRange.count()
        }
        guard allowedFastCount < Limits.allowedFastMax else { return counters.redundant.count() }
        allowedFastCount += 1
        if rules.pieceCount == nil {
            availability.allowFast(piece)
        } else {
            events.append(.message(.allowedFast(piece)))
        }
    }
}

// MARK: - Floods

extension PeerSession {
    /// Takes the cost of messages that move no data from the peer's allowance; false if it is
    /// spent, after closing.
    mutating func charge(
        _ cost: Interval = Limits.controlCost, now: Instant, into events: inout Events
    ) -> Bool {
        guard control.take(cost, of: Limits.controlBurst, now: now) else {
            close(.flood(.control), into: &events)
            return false
        }
        return true
    }

    /// A message that is not understood: its bytes are being skipped.
    private mutating func ignore(
        _ id: UInt8, _ length: UInt32, now: Instant, into events: inout Events
    ) {
        let costs = 1 + Int64(length) / Int64(Limits.controlBytesPerCost)
        guard charge(Limits.controlCost * costs, now: now, into: &events) else { return }
        guard id == MessageID.extended else { return counters.unknown.count() }
        counters.unadvertised.count()
        if counters.unadvertised > Limits.unadvertisedMax {
            close(.flood(.unadvertisedExtensions), into: &events)
        }
    }

    mutating func noteMalformed(into events: inout Events) {
        counters.malformed.count()
        if counters.malformed > Limits.malformedMax {
            close(.flood(.malformedMessages), into: &events)
        }
    }
}

extension UInt32 {
    /// Adds one, and stays at the highest value.
    mutating func count() { self = addingSaturating(1) }
}
