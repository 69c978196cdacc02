import Hashing
import NIOCore
import Units

// Extension messages (BEP 10, BEP 21, BEP 54) and Merkle hashes (BEP 52).
extension PeerSession {
    mutating func takeExtended(
        _ id: UInt8, _ body: ByteBuffer, now: Instant, into events: inout Events
    ) {
        guard id != MessageID.extensionHandshake else {
            takeExtensionHandshake(body, now: now, into: &events)
            return
        }
        guard let known = ExtensionID(rawValue: id) else { return }
        switch known {
        case .dontHave:
            guard charge(Limits.dontHaveCost, now: now, into: &events) else { return }
            guard body.readableBytes == 4,
                let piece = body.getInteger(at: body.readerIndex, as: UInt32.self)
            else { return noteMalformed(into: &events) }
            takeDontHave(PieceIndex(piece), into: &events)
        case .uploadOnly:
            guard charge(now: now, into: &events) else { return }
            guard body.readableBytes == 1,
                let value = body.getInteger(at: body.readerIndex, as: UInt8.self)
            else { return noteMalformed(into: &events) }
            events.append(.message(.uploadOnly(value != 0)))
        case .metadata, .peerExchange, .holepunch:
            events.append(.message(.extended(known, body)))
        }
    }

    private mutating func takeExtensionHandshake(
        _ body: ByteBuffer, now: Instant, into events: inout Events
    ) {
        let size = Int64(body.readableBytes) / Int64(Limits.controlBytesPerCost)
        let cost = Limits.controlCost * (Limits.extensionHandshakeCosts + size)
        guard charge(cost, now: now, into: &events) else { return }
        do throws(ExtensionHandshakeError) {
            let said = try ExtensionHandshake(parsing: Array(body.readableBytesView))
            peerExtensions.merge(said.extensions)
            events.append(.message(.extensionHandshake(said)))
        } catch {
            noteMalformed(into: &events)
        }
    }

    mutating func takeHashes(
        _ id: UInt8, _ body: ByteBuffer, now: Instant, into events: inout Events
    ) {
        var body = body
        guard let request = HashRequest(reading: &body) else {
            close(.unsolicited(id: id), into: &events)
            return
        }
        // We may have asked for hashes before the number of pieces was told here.
        let isPossible = request.isWellFormed
        switch id {
        case MessageID.hashRequest:
            if isPossible, rules.pieceCount != nil {
                events.append(.message(.hashRequest(request)))
            } else if charge(now: now, into: &events) {
                // Each hash request is answered (BEP 52), also one that no tree can.
                if rules.pieceCount != nil { noteMalformed(into: &events) }
                if phase == .open { events.append(.send(.hashReject(request))) }
            }
        case MessageID.hashes where isPossible:
            takeHashes(request, body, into: &events)
        case MessageID.hashReject where isPossible:
            events.append(.message(.hashReject(request)))
        default: close(.unsolicited(id: id), into: &events)
        }
    }

    private mutating func takeHashes(
        _ request: HashRequest, _ body: ByteBuffer, into events: inout Events
    ) {
        let hashes = body.withUnsafeReadableBytes { raw in
            (0..<raw.count / SHA256Digest.byteCount).compactMap {
                SHA256Digest(loading: raw, at: $0)
            }
        }
        guard hashes.count == request.hashCount, Self.areReal(hashes, in: request) else {
            close(.invalidHashes(count: hashes.count), into: &events)
            return
        }
        events.append(.message(.hashes(request, hashes)))
    }

    /// No tree has a zero hash but for the leaves after the end of the file (BEP 52), which come
    /// last. A zero elsewhere would pass for a hash that is not known yet.
    private static func areReal(_ hashes: [SHA256Digest], in request: HashRequest) -> Bool {
        let base = hashes.prefix(Int(request.length))
        let padding = request.baseLayer == 0 ? base.reversed().prefix { $0 == .zero }.count : 0
        return padding < base.count && !base.dropLast(padding).contains(.zero)
            && !hashes.dropFirst(base.count).contains(.zero)
    }
}

extension HashRequest {
    /// Reads the 48 bytes that all three messages begin with.
    init?(reading buffer: inout ByteBuffer) {
        guard
            let root = buffer.readSlice(length: SHA256Digest.byteCount)
                .flatMap({ SHA256Digest(bytes: $0.readableBytesView) }),
            let (base, index, length, proof) = buffer.readMultipleIntegers(
                as: (UInt32, UInt32, UInt32, UInt32).self)
        else { return nil }
        self.init(
            piecesRoot: root, baseLayer: base, index: index, length: length, proofLayers: proof)
    }
}
