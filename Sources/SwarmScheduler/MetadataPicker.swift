import Hashing
import PeerWire
import Units

/// Puts an info dictionary together from the pieces that peers send (BEP 9), which nothing proves
/// before all are there.
///
/// Peers differ in what size they say it has, and some lie. So for each size that is asked for
/// there is a copy of its own, and nobody's word stands in the way of another's. A small one is
/// fetched whole from each of a few peers: it costs little, and a wrong one is one peer's doing.
/// The pieces of a large one come from all who say its size, until that fails once. Memory is taken
/// as pieces come, never for what a peer says.
struct MetadataPicker: Sendable {
    /// What to ask a peer for.
    struct Pick: Hashable, Sendable {
        let copy: UInt32
        let piece: Int
    }

    /// What came of a piece.
    enum Reception {
        case kept
        /// It was there, or nobody needs its copy any more.
        case redundant
        /// The copy is whole. Judge it, and tell by `failed` or `culprits`.
        case whole(Candidate)
    }

    /// An info dictionary that may be the right one.
    struct Candidate {
        let bytes: [UInt8]
        /// Who sent its pieces, by ban identity, each once.
        let senders: [Endpoint]
        fileprivate let parts: [Part]
    }

    private struct Copy {
        let id: UInt32
        let size: Int
        /// The only one who is asked for it; `nil` if all who say its size are.
        let owner: PeerKey?
        var pieces: [Int: Piece] = [:]
        var receivedCount = 0
        var lastProgress: Instant

        var pieceCount: Int { MetadataMessage.pieceCount(ofByteCount: size) }
    }

    private struct Piece {
        /// Who owes it.
        var askers: [PeerKey] = []
        var askedAt: Instant
        var bytes: [UInt8]?
        var sender: Endpoint?
    }

    /// What somebody sent of a copy that failed.
    fileprivate struct Part {
        let piece: Int
        let digest: SHA1Digest
        let sender: Endpoint
    }

    private struct Failure {
        let size: Int
        let parts: [Part]
    }

    /// The size that each peer says.
    private var claims: [PeerKey: Int] = [:]
    private var copies: [Copy] = []
    private var failures: [Failure] = []
    private var nextID: UInt32 = 0

    var copyCount: Int { copies.count }
    /// Bytes of pieces that are held.
    var heldByteCount: Int {
        copies.reduce(0) { sum, copy in
            copy.pieces.values.reduce(sum) { $0 + ($1.bytes?.count ?? 0) }
        }
    }

    /// The size that most peers say; of equals the smaller.
    var likelySize: Int? {
        var counts: [Int: Int] = [:]
        for size in claims.values { counts[size, default: 0] += 1 }
        return counts.max { a, b in (a.value, b.key) < (b.value, a.key) }?.key
    }

    /// Bytes of the copy that has come furthest.
    var bestByteCount: Int {
        copies.map { min($0.size, $0.receivedCount * MetadataMessage.pieceByteCount) }.max() ?? 0
    }

    // MARK: Peers

    /// The peer says that the info dictionary has so many bytes.
    mutating func claims(_ size: Int, _ key: PeerKey) {
        guard claims[key] != size else { return }
        left(key)
        claims[key] = size
    }

    /// The peer is gone, or is not asked for a while: nobody waits for it.
    mutating func left(_ key: PeerKey) {
        claims[key] = nil
        release(key)
    }

    /// The peer says the size still, but what it owes is asked of others.
    mutating func release(_ key: PeerKey) {
        copies.removeAll { $0.owner == key }
        for position in copies.indices {
            for piece in copies[position].pieces.keys {
                copies[position].pieces[piece]?.askers.removeAll { $0 == key }
            }
        }
        dropUnclaimed()
    }

    private mutating func dropUnclaimed() {
        copies.removeAll { copy in copy.owner == nil && !claims.values.contains(copy.size) }
    }

    // MARK: Picking

    /// What to ask the peer for next; nil if there is nothing for now.
    mutating func next(for key: PeerKey, now: Instant) -> Pick? {
        guard let size = claims[key], let position = place(for: key, size, now: now) else {
            return nil
        }
        guard let piece = piece(for: key, in: copies[position], now: now) else { return nil }
        var asked = copies[position].pieces[piece] ?? Piece(askedAt: now)
        asked.askers.append(key)
        asked.askedAt = now
        copies[position].pieces[piece] = asked
        return Pick(copy: copies[position].id, piece: piece)
    }

    /// The copy that the peer is asked for.
    private mutating func place(for key: PeerKey, _ size: Int, now: Instant) -> Int? {
        let isAlone = size <= Limits.metadataSoloBytesMax || failures.contains { $0.size == size }
        if let own = copies.firstIndex(where: { $0.owner == key }) { return own }
        if !isAlone, let shared = copies.firstIndex(where: { $0.owner == nil && $0.size == size }) {
            return shared
        }
        if isAlone {
            let lively = copies.count { $0.size == size && !isStalled($0, now: now) }
            guard lively < Limits.metadataSoloCopiesMax else { return nil }
        }
        guard makeRoom(for: size, now: now) else { return nil }
        nextID &+= 1
        copies.append(
            Copy(id: nextID, size: size, owner: isAlone ? key : nil, lastProgress: now))
        return copies.count - 1
    }

    private func isStalled(_ copy: Copy, now: Instant) -> Bool {
        now - copy.lastProgress >= Limits.metadataSlowTime
    }

    /// One copy more, if need be instead of one that goes nowhere, or whose size fewer peers say.
    private mutating func makeRoom(for size: Int, now: Instant) -> Bool {
        guard copies.count >= Limits.metadataCopiesMax else { return true }
        let support = supporters(of: size)
        let weakest = copies.indices.min { a, b in
            let (x, y) = (copies[a], copies[b])
            let (p, q) = (isStalled(x, now: now), isStalled(y, now: now))
            guard p == q else { return p }
            let (m, n) = (supporters(of: x.size), supporters(of: y.size))
            guard m == n else { return m < n }
            return x.id < y.id
        }
        guard let weakest,
            isStalled(copies[weakest], now: now)
                || supporters(of: copies[weakest].size) < support
        else { return false }
        copies.remove(at: weakest)
        return true
    }

    private func supporters(of size: Int) -> Int { claims.values.count { $0 == size } }

    /// A piece that nobody was asked for; in a shared copy also one that somebody is slow with.
    private func piece(for key: PeerKey, in copy: Copy, now: Instant) -> Int? {
        var slow: Int?
        for piece in 0..<copy.pieceCount {
            guard let state = copy.pieces[piece] else { return piece }
            guard state.bytes == nil else { continue }
            if state.askers.isEmpty { return piece }
            guard slow == nil, copy.owner == nil, !state.askers.contains(key),
                state.askers.count < Limits.metadataAskersMax,
                now - state.askedAt >= Limits.metadataSlowTime
            else { continue }
            slow = piece
        }
        return slow
    }

    // MARK: Receiving

    /// Takes a piece that the peer was asked for and that is as long as it has to be.
    mutating func receive(
        _ bytes: [UInt8], _ pick: Pick, from key: PeerKey, at sender: Endpoint, now: Instant
    ) -> Reception {
        guard let position = copies.firstIndex(where: { $0.id == pick.copy }),
            copies[position].pieces[pick.piece]?.bytes == nil
        else { return .redundant }
        var piece = copies[position].pieces[pick.piece] ?? Piece(askedAt: now)
        piece.bytes = bytes
        piece.sender = sender
        piece.askers = []
        copies[position].pieces[pick.piece] = piece
        copies[position].receivedCount += 1
        copies[position].lastProgress = now
        guard copies[position].receivedCount == copies[position].pieceCount else { return .kept }
        return .whole(candidate(copies[position]))
    }

    private func candidate(_ copy: Copy) -> Candidate {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(copy.size)
        var senders: [Endpoint] = []
        for piece in 0..<copy.pieceCount {
            guard let state = copy.pieces[piece], let part = state.bytes else { continue }
            bytes += part
            if let sender = state.sender, !senders.contains(sender) { senders.append(sender) }
        }
        return Candidate(bytes: bytes, senders: senders, parts: Self.parts(of: copy))
    }

    private static func parts(of copy: Copy) -> [Part] {
        copy.pieces.sorted { $0.key < $1.key }.compactMap { piece, state in
            guard let bytes = state.bytes, let sender = state.sender else { return nil }
            return Part(piece: piece, digest: .hash(bytes), sender: sender)
        }
    }

    // MARK: Judging

    /// The candidate has the wrong hash: what was like it is thrown away. From now on this size is
    /// asked of one peer at a time, so that the next failure is somebody's own.
    mutating func failed(_ candidate: Candidate) {
        let size = candidate.bytes.count
        copies.removeAll { $0.size == size && $0.receivedCount == $0.pieceCount }
        copies.removeAll { $0.size == size && $0.owner == nil }
        if failures.count >= Limits.metadataFailuresMax { failures.removeFirst() }
        failures.append(Failure(size: size, parts: candidate.parts))
    }

    /// Those whose pieces are not as the right info dictionary's, of copies that failed and of
    /// those that were never whole.
    func culprits(truth: [UInt8]) -> [Endpoint] {
        var digests: [Int: SHA1Digest] = [:]
        for piece in 0..<MetadataMessage.pieceCount(ofByteCount: truth.count) {
            let begin = piece * MetadataMessage.pieceByteCount
            let end = min(truth.count, begin + MetadataMessage.pieceByteCount)
            digests[piece] = .hash(Array(truth[begin..<end]))
        }
        var culprits: [Endpoint] = []
        for parts in failures.map(\.parts) + copies.map({ Self.parts(of: $0) }) {
            for part in parts
            where digests[part.piece] != part.digest && !culprits.contains(part.sender) {
                culprits.append(part.sender)
            }
        }
        return culprits
    }

    /// Nothing is needed any more.
    mutating func removeAll() {
        copies = []
        failures = []
    }
}
