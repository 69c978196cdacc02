public import Hashing
public import Units

extension Endpoint {
    /// What a ban names: a public IPv4 address, or the /64 of an IPv6 one, since the peer may come
    /// back from any port or interface of it; a local address with its port, since behind our own
    /// translator, or on loopback, many peers share one.
    public var banIdentity: Endpoint {
        if isLocal { return self }
        return isIPv4 ? address : Endpoint(ipv6High: high, low: 0, port: 0)
    }
}

/// What a peer did to be banned.
public enum BanReason: Hashable, Sendable {
    /// A block differs from the one that later passed its piece's hash.
    case corruptBlock(PieceIndex, BlockIndex)
    /// The same block came from the same peer with two different contents.
    case changedBlock(PieceIndex, BlockIndex)
    /// Every block of a piece that failed its hash came from this peer.
    case corruptPiece(PieceIndex)
    /// The info dictionary that this peer sent had the wrong hash.
    case corruptMetadata
    /// The peer broke the protocol on purpose.
    case protocolAbuse
    /// The user's wish.
    case requested

    /// How long it lasts: not for ever, since addresses change hands.
    public var duration: Interval {
        switch self {
        case .corruptBlock, .changedBlock: .minutes(6 * 60)
        case .corruptPiece, .corruptMetadata, .protocolAbuse: .minutes(60)
        case .requested: .minutes(24 * 60)
        }
    }
}

extension BanReason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .corruptBlock(let piece, let block): "sent corrupt \(block) of \(piece)"
        case .changedBlock(let piece, let block): "sent \(block) of \(piece) twice, differently"
        case .corruptPiece(let piece): "sent all of \(piece), which failed its hash"
        case .corruptMetadata: "sent metadata that failed its hash"
        case .protocolAbuse: "broke the protocol"
        case .requested: "banned by the user"
        }
    }
}

/// What follows from a piece's check. Peers are named by `Endpoint.banIdentity`.
public enum BanVerdict: Hashable, Sendable {
    /// Close its connections, and refuse it for `reason.duration`.
    case ban(Endpoint, BanReason)
    /// From now on give it whole pieces to itself, so that a failure is its own.
    case parole(Endpoint)
    /// It is like any other peer again.
    case forgive(Endpoint)
}

/// Finds out who sent bad blocks ("smart ban"): remembers who sent which block of a piece that
/// failed its hash, and when the piece passes bans exactly those whose blocks were different.
///
/// Senders are given per block, in order: the remote endpoint of the connection that the block
/// came from, or `nil` for a block from elsewhere (an earlier run, a web seed, another torrent).
/// Digests are given per block too. An error of the disk is nobody's fault and is not reported
/// here: the piece was not judged.
public struct BanPolicy: Sendable {
    /// Pieces that failed and have not passed since, the oldest first.
    private var failedPieces: [FailedPiece] = []
    private var suspects: [Endpoint: Suspect] = [:]
    private(set) var recordCount = 0
    /// Counts checks, to know which suspect was seen last.
    private var checkCount: UInt64 = 0

    private struct FailedPiece {
        let piece: PieceIndex
        var failureCount = 0
        /// By ban identity, in order of their first block.
        var senders: [Endpoint] = []
        var records: [BlockRecord] = []
    }

    private struct BlockRecord {
        let digest: SHA1Digest
        let block: BlockIndex
        /// The position in `senders`.
        let sender: UInt32
    }

    private struct Suspect {
        var failedCount = 0
        var lastCheck: UInt64 = 0
        var isOnParole = false
    }

    public init() {}

    var suspectCount: Int { suspects.count }

    // MARK: Questions

    /// Whether the digests of this piece's blocks are wanted when it passes.
    public func remembers(_ piece: PieceIndex) -> Bool { position(of: piece) != nil }

    /// Whether a peer is to get whole pieces to itself.
    public func isOnParole(_ endpoint: Endpoint) -> Bool {
        suspects[endpoint.banIdentity]?.isOnParole ?? false
    }

    // MARK: Checks

    /// A piece failed its hash. `digests` may be empty if they are not known.
    public mutating func pieceFailed(
        _ piece: PieceIndex, senders: [Endpoint?], digests: [SHA1Digest],
        into verdicts: inout ActionBuffer<BanVerdict>
    ) {
        checkCount += 1
        let identities = senders.map { $0?.banIdentity }
        let participants = Self.distinct(identities)
        if participants.count == 1, let culprit = participants.first,
            identities.allSatisfy({ $0 != nil })
        {
            condemn(culprit, .corruptPiece(piece), into: &verdicts)
        } else {
            for (culprit, block) in remember(piece, identities, digests) {
                condemn(culprit, .changedBlock(piece, block), into: &verdicts)
            }
            suspect(participants, into: &verdicts)
        }
        shrink()
    }

    /// A piece passed its hash. `digests` are needed only if `remembers(piece)`; without them
    /// nobody can be told guilty.
    public mutating func piecePassed(
        _ piece: PieceIndex, senders: [Endpoint?], digests: [SHA1Digest],
        into verdicts: inout ActionBuffer<BanVerdict>
    ) {
        checkCount += 1
        let participants = Self.distinct(senders.map { $0?.banIdentity })
        if participants.count == 1, let sole = participants.first,
            senders.allSatisfy({ $0 != nil })
        {
            // A whole piece, and a good one: that is what parole asks for.
            forgive(sole, failures: .max, into: &verdicts)
        }
        guard let position = position(of: piece) else { return }
        let failure = failedPieces.remove(at: position)
        recordCount -= failure.records.count
        var guilty = [BlockIndex?](repeating: nil, count: failure.senders.count)
        for record in failure.records where record.block.position < digests.count {
            let sender = Int(record.sender)
            guard guilty[sender] == nil, record.digest != digests[record.block.position] else {
                continue
            }
            guilty[sender] = record.block
        }
        for (sender, block) in zip(failure.senders, guilty) {
            if let block {
                condemn(sender, .corruptBlock(piece, block), into: &verdicts)
            } else if !digests.isEmpty {
                forgive(sender, failures: failure.failureCount, into: &verdicts)
            }
        }
    }

    /// A block failed by itself, against its own leaf of a Merkle tree (BEP 52): no doubt is left.
    public mutating func blockFailed(
        _ block: BlockIndex, of piece: PieceIndex, sender: Endpoint,
        into verdicts: inout ActionBuffer<BanVerdict>
    ) {
        condemn(sender.banIdentity, .corruptBlock(piece, block), into: &verdicts)
    }

    /// Forgets all pieces, when the torrent is complete or rechecked. Parole stays.
    public mutating func forgetPieces() {
        failedPieces.removeAll()
        recordCount = 0
    }
}

// MARK: - Memory

extension BanPolicy {
    private func position(of piece: PieceIndex) -> Int? {
        failedPieces.firstIndex { $0.piece == piece }
    }

    private static func distinct(_ identities: [Endpoint?]) -> [Endpoint] {
        var seen: Set<Endpoint> = []
        return identities.compactMap { $0 }.filter { seen.insert($0).inserted }
    }

    /// Keeps who sent which contents. Yields peers that had sent a block before with others.
    private mutating func remember(
        _ piece: PieceIndex, _ identities: [Endpoint?], _ digests: [SHA1Digest]
    ) -> [(Endpoint, BlockIndex)] {
        let known = position(of: piece).map { failedPieces.remove(at: $0) }
        var failure = known ?? FailedPiece(piece: piece)
        failure.failureCount += 1
        defer { failedPieces.append(failure) }
        var positions: [Endpoint: UInt32] = [:]
        for (position, sender) in failure.senders.enumerated() {
            positions[sender] = UInt32(clamping: position)
        }
        let earlier = Dictionary(grouping: failure.records, by: \.block)
        var changed: [(Endpoint, BlockIndex)] = []
        for (number, (identity, digest)) in zip(identities, digests).enumerated() {
            guard let identity else { continue }
            let block = BlockIndex(number)
            let sender = positions[identity] ?? UInt32(clamping: failure.senders.count)
            let same = (earlier[block] ?? []).first { $0.sender == sender }
            if let same {
                if same.digest != digest { changed.append((identity, block)) }
                continue
            }
            guard failure.failureCount <= Limits.failuresPerPieceMax,
                recordCount < Limits.failedBlocksMax
            else { continue }
            if positions[identity] == nil {
                positions[identity] = sender
                failure.senders.append(identity)
            }
            failure.records.append(BlockRecord(digest: digest, block: block, sender: sender))
            recordCount += 1
        }
        return changed
    }

    /// Drops the oldest pieces and the least suspicious peers over the limits.
    private mutating func shrink() {
        while failedPieces.count > Limits.failedPiecesMax
            || (recordCount >= Limits.failedBlocksMax && failedPieces.count > 1)
        {
            recordCount -= failedPieces.removeFirst().records.count
        }
        while suspects.count > Limits.suspectsMax {
            // A strict order of all suspects, so that the dictionary's own order never shows.
            let least = suspects.min { a, b in
                let (x, y) = (a.value, b.value)
                guard x.isOnParole == y.isOnParole else { return y.isOnParole }
                guard x.failedCount == y.failedCount else { return x.failedCount < y.failedCount }
                guard x.lastCheck == y.lastCheck else { return x.lastCheck < y.lastCheck }
                return a.key.isOrderedBefore(b.key)
            }
            guard let least else { return }
            suspects[least.key] = nil
        }
    }
}

// MARK: - Verdicts

extension BanPolicy {
    private mutating func condemn(
        _ identity: Endpoint, _ reason: BanReason, into verdicts: inout ActionBuffer<BanVerdict>
    ) {
        guard !Self.isBanned(identity, in: verdicts) else { return }
        suspects[identity] = nil
        verdicts.append(.ban(identity, reason))
    }

    private static func isBanned(
        _ identity: Endpoint, in verdicts: ActionBuffer<BanVerdict>
    ) -> Bool {
        (0..<verdicts.count).contains {
            guard case .ban(identity, _) = verdicts[$0] else { return false }
            return true
        }
    }

    /// Any of these peers may be the bad one.
    private mutating func suspect(
        _ participants: [Endpoint], into verdicts: inout ActionBuffer<BanVerdict>
    ) {
        for identity in participants where !Self.isBanned(identity, in: verdicts) {
            var suspect = suspects[identity] ?? Suspect()
            suspect.failedCount += 1
            suspect.lastCheck = checkCount
            if !suspect.isOnParole, suspect.failedCount >= Limits.failedPiecesBeforeParole {
                suspect.isOnParole = true
                verdicts.append(.parole(identity))
            }
            suspects[identity] = suspect
        }
    }

    private mutating func forgive(
        _ identity: Endpoint, failures: Int, into verdicts: inout ActionBuffer<BanVerdict>
    ) {
        guard var suspect = suspects[identity] else { return }
        suspect.failedCount -= min(failures, suspect.failedCount)
        let isCleared = suspect.failedCount < Limits.failedPiecesBeforeParole
        if suspect.isOnParole, isCleared {
            suspect.isOnParole = false
            verdicts.append(.forgive(identity))
        }
        suspects[identity] = suspect.failedCount > 0 ? suspect : nil
    }
}
