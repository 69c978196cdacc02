public import Hashing
public import Units

/// The pieces that a peer at `address` may ask for while it is choked: the same for everyone who
/// computes them (BEP 6, "Allowed Fast Set Generation"). Empty for IPv6, which the BEP leaves
/// out; never more than `pieceCount`.
public func allowedFastSet(
    for address: Endpoint, infoHash: SHA1Digest, pieceCount: Int, size: Int = 10
) -> [PieceIndex] {
    guard let ipv4 = address.ipv4, let count = UInt32(exactly: pieceCount), count > 0 else {
        return []
    }
    let size = min(size, pieceCount, Limits.allowedFastMax)
    var pieces: [PieceIndex] = []
    // The last byte of the address is left out, so that a network gets one set.
    var state = [UInt8(ipv4 >> 24), UInt8(ipv4 >> 16 & 0xFF), UInt8(ipv4 >> 8 & 0xFF), 0]
    state += infoHash.bytes
    while pieces.count < size {
        state = SHA1Digest.hash(state).bytes
        for position in stride(from: 0, to: 20, by: 4) where pieces.count < size {
            let word = state[position..<position + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let piece = PieceIndex(word % count)
            if !pieces.contains(piece) { pieces.append(piece) }
        }
    }
    return pieces
}
