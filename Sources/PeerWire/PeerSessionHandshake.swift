import NIOCore
import Units

// The handshake, and what comes before the connection is open.
extension PeerSession {
    mutating func receiveEarly(
        _ bytes: inout ByteBuffer, now: Instant, into events: inout ActionBuffer<Event>
    ) {
        if phase == .handshaking { receiveHandshake(&bytes, now: now, into: &events) }
        switch phase {
        case .handshaking: break
        case .awaitingAccept: hold(&bytes, into: &events)
        case .connectedToSelf:
            bytes.moveReaderIndex(to: bytes.writerIndex)
            close(.connectedToSelf, into: &events)
        case .open:
            // `consume` may be entered once for what was held and once for what is new.
            var earlier = held
            held = ByteBuffer()
            if earlier.readableBytes > 0 { consume(&earlier, now: now, into: &events) }
            consume(&bytes, now: now, into: &events)
        case .closed: bytes.moveReaderIndex(to: bytes.writerIndex)
        }
    }

    /// Waits for 68 bytes; the first byte that is wrong closes.
    private mutating func receiveHandshake(
        _ bytes: inout ByteBuffer, now: Instant, into events: inout ActionBuffer<Event>
    ) {
        let missing = Handshake.byteCount - held.readableBytes
        if let part = bytes.readSlice(length: min(missing, bytes.readableBytes)) {
            held.writeImmutableBuffer(part)
        }
        guard Handshake.isPrefix(of: held) else {
            close(.notBitTorrent, into: &events)
            return
        }
        guard let theirs = Handshake(reading: &held) else { return }
        held = ByteBuffer()
        lastHeard = now
        peerHandshake = theirs
        guard configuration.isInitiator, let handshake else {
            phase = .awaitingAccept
            events.append(.handshake(theirs))
            return
        }
        let isAlternate = theirs.infoHash == v2InfoHash && handshake.supportsV2
        guard theirs.infoHash == handshake.infoHash || isAlternate else {
            close(.wrongInfoHash, into: &events)
            return
        }
        guard theirs.peerID != handshake.peerID else {
            close(.connectedToSelf, into: &events)
            return
        }
        open()
        events.append(.handshake(theirs))
    }

    /// Keeps what comes before `accept`, up to a bound.
    private mutating func hold(
        _ bytes: inout ByteBuffer, into events: inout ActionBuffer<Event>
    ) {
        guard bytes.readableBytes > 0 else { return }
        guard held.readableBytes + bytes.readableBytes <= Limits.unacceptedBytesMax else {
            bytes.moveReaderIndex(to: bytes.writerIndex)
            close(.tooMuchBeforeAccept, into: &events)
            return
        }
        held.writeBuffer(&bytes)
    }

    /// Both handshakes are known: an extension counts if both sides have it.
    mutating func open() {
        guard let ours = handshake, let theirs = peerHandshake else { return }
        rules.fast = ours.supportsFast && theirs.supportsFast
        rules.extensions = ours.supportsExtensions && theirs.supportsExtensions
        noteV2()
        phase = .open
    }

    /// A peer that names the v2 form needs no bit to say that it speaks v2; libtorrent then sets
    /// none.
    private func speaksV2(_ ours: Handshake, _ theirs: Handshake) -> Bool {
        (ours.supportsV2 && theirs.supportsV2) || v2InfoHash == theirs.infoHash
    }

    mutating func noteV2() {
        guard let ours = handshake, let theirs = peerHandshake else { return }
        rules.v2 = speaksV2(ours, theirs)
    }
}
