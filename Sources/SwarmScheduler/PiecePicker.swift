import Units

/// Which block to ask a peer for next: rarest piece first, pieces already begun before new ones
/// (strict priority), the first pieces at random, or in order when asked to; and near the end
/// the same block of several peers (endgame).
///
/// It knows pieces and blocks, and peers only by what they have.
struct PiecePicker: Sendable {
    enum Order: Hashable, Sendable { case rarestFirst, sequential }

    /// What may be asked of one peer.
    struct Offer {
        /// What the peer has.
        var pieces: Bitfield
        /// The peer that asks, to prefer pieces it has begun.
        var peer: PeerKey
        /// The peer must fetch pieces alone, because it is under suspicion.
        var isOnParole = false
        /// Only these, because the peer chokes us but allows them (BEP 6, "allowed fast").
        var only: [PieceIndex]?
    }

    var order: Order = .rarestFirst
    /// Pieces that are wanted, had or not.
    private(set) var wanted: Bitfield
    /// Pieces that are verified and on disk.
    private(set) var have: Bitfield
    /// The pieces that may be begun, the most important first: one list while all matter alike.
    private var listings: [AvailabilityOrder]
    /// For each piece the list that it belongs to; empty while there is one.
    private var ranks: [UInt8] = []
    /// How many peers have everything.
    private(set) var seedCount = 0
    /// Pieces that are begun, in the order in which they were.
    private(set) var partials: [PartialPiece] = []
    private var partialAt: [PieceIndex: Int] = [:]
    private let blockCount: @Sendable (PieceIndex) -> Int
    private var generator: SeededGenerator

    init(
        have: Bitfield, wanted: Bitfield, blockCount: @escaping @Sendable (PieceIndex) -> Int,
        seed: UInt64
    ) {
        self.have = have
        self.wanted = wanted
        self.blockCount = blockCount
        self.generator = SeededGenerator(seed: seed)
        self.listings = [AvailabilityOrder(pieceCount: have.count)]
        listAll()
    }

    // MARK: What is known of pieces

    var pieceCount: Int { have.count }
    var wantedLeft: Int { wantedCount - wantedHave }
    private var wantedCount: Int { wanted.setCount }
    private var wantedHave: Int {
        wanted.isFull ? have.setCount : wanted.setCount(with: have)
    }

    var isFinished: Bool { !wanted.hasAny(missingIn: have) }

    func needs(_ piece: PieceIndex) -> Bool { wanted.contains(piece) && !have.contains(piece) }

    /// How many connected peers have `piece`.
    func availability(of piece: PieceIndex) -> Int {
        listings[0].availability(of: piece) + seedCount
    }

    func partial(_ piece: PieceIndex) -> PartialPiece? {
        partialAt[piece].map { partials[$0] }
    }

    // MARK: What peers have

    mutating func peerGained(_ piece: PieceIndex) {
        for rank in listings.indices { listings[rank].increment(piece, using: &generator) }
    }

    mutating func peerLost(_ piece: PieceIndex) {
        for rank in listings.indices { listings[rank].decrement(piece, using: &generator) }
    }

    /// A peer with these pieces came; one that has everything is only counted.
    mutating func peerJoined(having pieces: Bitfield) {
        if pieces.isFull { seedCount += 1 } else { pieces.forEach { peerGained($0) } }
    }

    /// A peer went. One that had everything when it came was only counted.
    mutating func peerLeft(having pieces: Bitfield, countedAsSeed: Bool) {
        if countedAsSeed { seedCount -= 1 } else { pieces.forEach { peerLost($0) } }
    }

    // MARK: Selection

    mutating func select(_ selection: Bitfield) {
        precondition(selection.count == wanted.count)
        wanted = selection
        listAll()
    }

    /// Begins those of `high` before all others, and those of `low` after them. Who is in both is
    /// in `high`.
    mutating func prioritize(high: Bitfield, low: Bitfield) {
        guard high.count == pieceCount, low.count == pieceCount else { return }
        let none = listings[0].emptied()
        guard !(high.isEmpty && low.isEmpty) else {
            ranks = []
            listings = [none]
            return listAll()
        }
        ranks = (0..<pieceCount).map { position in
            let piece = PieceIndex(position)
            return high.contains(piece) ? 0 : low.contains(piece) ? 2 : 1
        }
        listings = [none, none, none]
        listAll()
    }

    /// Pieces that were begun and are not wanted any more, as far as they can be given up.
    var unwantedPartials: [PieceIndex] {
        partials.filter { $0.stage == .downloading && !wanted.contains($0.piece) }.map(\.piece)
    }

    /// All pieces that were begun, in whatever stage they are.
    var begun: [PieceIndex] { partials.map(\.piece) }

    private mutating func listAll() {
        for position in 0..<pieceCount { list(PieceIndex(position)) }
    }

    /// Lists `piece` for beginning if it is needed and not begun; unlists it otherwise.
    private mutating func list(_ piece: PieceIndex) {
        if needs(piece), partialAt[piece] == nil {
            listings[rank(of: piece)].insert(piece, using: &generator)
        } else {
            unlist(piece)
        }
    }

    private mutating func unlist(_ piece: PieceIndex) { listings[rank(of: piece)].remove(piece) }

    private func rank(of piece: PieceIndex) -> Int {
        ranks.isEmpty ? 0 : Int(ranks[piece.position])
    }

    private func isListed(_ piece: PieceIndex) -> Bool { listings[rank(of: piece)].isListed(piece) }
}

// MARK: - Picking

extension PiecePicker {
    /// Up to `count` blocks to ask the peer for, appended to `blocks` and marked as asked for.
    mutating func pick(
        _ count: Int, for offer: Offer, into blocks: inout [(PieceIndex, BlockIndex)]
    ) {
        var left = count
        continuePartials(of: offer, ownOnly: true, &left, &blocks)
        if !offer.isOnParole {
            continuePartials(of: offer, ownOnly: false, &left, &blocks)
        }
        while left > 0, partials.count < Limits.partialPiecesMax, let piece = newPiece(for: offer) {
            begin(piece, exclusiveTo: offer.isOnParole ? offer.peer : nil, by: offer.peer)
            takeBlocks(ofPartialAt: partials.count - 1, &left, &blocks)
        }
    }

    /// Blocks that others were asked for and that are still missing, when nothing else is left
    /// to ask for: at most `Limits.endgameRequestsMax` peers owe us one block.
    mutating func pickEndgame(
        _ count: Int, for offer: Offer, excluding isOutstanding: (PieceIndex, BlockIndex) -> Bool,
        into blocks: inout [(PieceIndex, BlockIndex)]
    ) {
        var left = count
        guard left > 0, !offer.isOnParole else { return }
        for index in partials.indices where isUsable(partials[index], for: offer) {
            let piece = partials[index].piece
            var chosen: [BlockIndex] = []
            partials[index].forEachRequested { block, requestCount in
                guard chosen.count < left, requestCount < Limits.endgameRequestsMax,
                    !isOutstanding(piece, block)
                else { return }
                chosen.append(block)
            }
            for block in chosen {
                partials[index].addRequest(block)
                blocks.append((piece, block))
            }
            left -= chosen.count
            if left == 0 { return }
        }
    }

    /// Whether every block that is needed was asked for: time for endgame.
    var isEndgame: Bool {
        listings.allSatisfy(\.order.isEmpty)
            && partials.allSatisfy { $0.freeCount == 0 || $0.stage != .downloading }
    }

    private mutating func continuePartials(
        of offer: Offer, ownOnly: Bool, _ left: inout Int,
        _ blocks: inout [(PieceIndex, BlockIndex)]
    ) {
        for index in partials.indices {
            guard left > 0 else { return }
            guard partials[index].freeCount > 0, isUsable(partials[index], for: offer) else {
                continue
            }
            if ownOnly, partials[index].startedBy != offer.peer { continue }
            takeBlocks(ofPartialAt: index, &left, &blocks)
        }
    }

    private func isUsable(_ partial: PartialPiece, for offer: Offer) -> Bool {
        guard partial.stage == .downloading, offer.pieces.contains(partial.piece) else {
            return false
        }
        if let only = offer.only, !only.contains(partial.piece) { return false }
        return partial.exclusiveTo == nil || partial.exclusiveTo == offer.peer
    }

    private mutating func takeBlocks(
        ofPartialAt index: Int, _ left: inout Int, _ blocks: inout [(PieceIndex, BlockIndex)]
    ) {
        while left > 0, let block = partials[index].takeFree() {
            blocks.append((partials[index].piece, block))
            left -= 1
        }
    }

    /// The piece to begin with this peer.
    private mutating func newPiece(for offer: Offer) -> PieceIndex? {
        if let only = offer.only {
            return only.first { isListed($0) && offer.pieces.contains($0) }
        }
        for rank in listings.indices where !listings[rank].order.isEmpty {
            if let piece = newPiece(for: offer, rank: rank) { return piece }
        }
        return nil
    }

    private mutating func newPiece(for offer: Offer, rank: Int) -> PieceIndex? {
        if order == .sequential { return offer.pieces.first { listings[rank].isListed($0) } }
        if have.setCount < Limits.randomFirstPieces, let piece = randomPiece(of: offer, rank) {
            return piece
        }
        for candidate in listings[rank].order.prefix(Limits.pickScanMax) {
            let piece = PieceIndex(candidate)
            if offer.pieces.contains(piece) { return piece }
        }
        return listings[rank].order.count > Limits.pickScanMax
            ? rarest(of: offer.pieces, rank) : nil
    }

    /// Somewhere in the listing, so that the first piece, which must come fast to have something
    /// to give, is not the one that is hardest to get.
    private mutating func randomPiece(of offer: Offer, _ rank: Int) -> PieceIndex? {
        let pieces = listings[rank].order
        let start = Int.random(in: 0..<pieces.count, using: &generator)
        for step in 0..<min(pieces.count, Limits.pickScanMax) {
            let piece = PieceIndex(pieces[(start + step) % pieces.count])
            if offer.pieces.contains(piece) { return piece }
        }
        return nil
    }

    /// For a peer that has so little that none of it is among the rarest.
    private func rarest(of pieces: Bitfield, _ rank: Int) -> PieceIndex? {
        let listing = listings[rank]
        var best: PieceIndex?
        pieces.forEach { piece in
            guard listing.isListed(piece) else { return }
            if let found = best,
                listing.availability(of: found) <= listing.availability(of: piece)
            {
                return
            }
            best = piece
        }
        return best
    }

    private mutating func begin(_ piece: PieceIndex, exclusiveTo owner: PeerKey?, by peer: PeerKey)
    {
        unlist(piece)
        var partial = PartialPiece(piece: piece, blockCount: blockCount(piece), startedBy: peer)
        partial.exclusiveTo = owner
        partialAt[piece] = partials.count
        partials.append(partial)
    }
}

// MARK: - What becomes of blocks and pieces

extension PiecePicker {
    enum Receipt: Hashable, Sendable {
        /// The block is new; more of the piece are missing.
        case accepted
        /// The block is new and was the last one.
        case completedPiece
        /// It was there already, or its piece is not being fetched.
        case redundant
    }

    mutating func receive(
        _ block: BlockIndex, of piece: PieceIndex, from sender: Endpoint
    ) -> Receipt {
        guard let index = partialAt[piece], partials[index].stage == .downloading,
            block.position < partials[index].blockCount,
            partials[index].receive(block, from: sender)
        else { return .redundant }
        guard partials[index].isComplete else { return .accepted }
        partials[index].stage = .verifying
        return .completedPiece
    }

    /// How many peers owe us `block`.
    func requestCount(of block: BlockIndex, of piece: PieceIndex) -> Int {
        partialAt[piece].map { partials[$0].requestCount(of: block) } ?? 0
    }

    /// Pieces that only this peer might be asked for may be asked of anybody again.
    mutating func releaseExclusive(_ peer: PeerKey) {
        for index in partials.indices where partials[index].exclusiveTo == peer {
            partials[index].exclusiveTo = nil
        }
    }

    /// A peer that was asked for `block` will not send it.
    mutating func dropRequest(_ block: BlockIndex, of piece: PieceIndex) {
        guard let index = partialAt[piece] else { return }
        partials[index].dropRequest(block)
        if partials[index].isUntouched { abandon(piece) }
    }

    /// The hash matched: the piece is ours. Gives who sent each block.
    @discardableResult
    mutating func verified(_ piece: PieceIndex) -> [Endpoint?] {
        let sources = partial(piece)?.sources ?? []
        removePartial(piece)
        have.insert(piece)
        unlist(piece)
        return sources
    }

    /// The piece is to be fetched again from the start. Gives who sent each block.
    @discardableResult
    mutating func abandon(_ piece: PieceIndex) -> [Endpoint?] {
        let sources = partial(piece)?.sources ?? []
        removePartial(piece)
        list(piece)
        return sources
    }

    /// The hash did not match and the true hashes of the blocks are being asked for.
    mutating func awaitLeaves(of piece: PieceIndex) {
        guard let index = partialAt[piece] else { return }
        partials[index].stage = .awaitingLeaves
    }

    /// Only these blocks are wrong: only they are fetched again.
    mutating func refetch(_ blocks: [BlockIndex], of piece: PieceIndex) {
        guard let index = partialAt[piece] else { return }
        for block in blocks where block.position < partials[index].blockCount {
            partials[index].forget(block)
        }
        partials[index].stage = .downloading
    }

    /// We do not have `piece` any more: its bytes cannot be read back.
    mutating func lost(_ piece: PieceIndex) {
        guard have.remove(piece) else { return }
        list(piece)
    }

    /// Found on disk, as after a recheck.
    mutating func found(_ piece: PieceIndex) {
        removePartial(piece)
        have.insert(piece)
        unlist(piece)
    }

    private mutating func removePartial(_ piece: PieceIndex) {
        guard let index = partialAt.removeValue(forKey: piece) else { return }
        partials.remove(at: index)
        for later in index..<partials.count { partialAt[partials[later].piece] = later }
    }
}
