import Units

/// What a peer said that it has before the number of pieces was known (a magnet link whose
/// metadata is still to come). It is checked when the number is learnt.
struct HeldAvailability: Sendable {
    private enum Base {
        case unsaid
        case all
        case nothing
        case bitfield([UInt8])
    }

    private var base = Base.unsaid
    /// Haves, and dont-haves with the high bit set, in order. Pieces are fewer than 2^31 here.
    private var changes: [UInt32] = []
    private(set) var allowedFast: [PieceIndex] = []

    private static let lostBit: UInt32 = 1 << 31

    mutating func setAll() { base = .all }
    mutating func setNothing() { base = .nothing }

    /// It says everything anew.
    mutating func setBitfield(_ bytes: [UInt8]) {
        base = .bitfield(bytes)
        changes.removeAll()
    }

    /// The caller has checked that `piece` is below `Limits.piecesMax`.
    mutating func gained(_ piece: PieceIndex) { record(piece.rawValue) }
    mutating func lost(_ piece: PieceIndex) { record(piece.rawValue | Self.lostBit) }

    mutating func allowFast(_ piece: PieceIndex) { allowedFast.append(piece) }

    private mutating func record(_ change: UInt32) {
        guard changes.count < Limits.heldChangesMax else { return }
        changes.append(change)
    }

    /// What the peer has of `count` pieces, as one message; `nil` if it said nothing.
    func resolve(pieceCount count: Int) throws(PeerError) -> PeerMessage? {
        var pieces: Bitfield
        switch base {
        case .unsaid:
            if changes.isEmpty { return nil }
            pieces = Bitfield(count: count)
        case .nothing:
            if changes.isEmpty { return .haveNone }
            pieces = Bitfield(count: count)
        case .all:
            if changes.isEmpty { return .haveAll }
            pieces = Bitfield(allSet: count)
        case .bitfield(let bytes):
            guard let said = Bitfield(wireBytes: bytes, count: count) else {
                throw .invalidBitfield(pieceCount: count)
            }
            pieces = said
        }
        for change in changes {
            let piece = PieceIndex(change & ~Self.lostBit)
            if change & Self.lostBit != 0 {
                pieces.remove(piece)
            } else {
                guard piece.position < count else {
                    throw .pieceOutOfRange(piece, pieceCount: count)
                }
                pieces.insert(piece)
            }
        }
        return .bitfield(pieces)
    }
}
