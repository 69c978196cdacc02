import Units

/// A piece of which some blocks are asked for or there.
struct PartialPiece: Sendable {
    enum Stage: Hashable, Sendable {
        /// Blocks are missing.
        case downloading
        /// All blocks were given to the disk, whose word is awaited.
        case verifying
        /// The hash did not match; the true hashes of its blocks were asked of a peer (BEP 52).
        case awaitingLeaves
    }

    let piece: PieceIndex
    /// Who was asked first: it goes on with the piece, so that pieces come whole from one peer.
    let startedBy: PeerKey
    var stage: Stage = .downloading
    /// Set while only this peer may be asked, so that it answers for the whole piece.
    var exclusiveTo: PeerKey?
    private(set) var freeCount: Int
    private(set) var receivedCount = 0
    /// For each block: `free`, `received`, or how many peers were asked.
    private var marks: [UInt8]
    /// For each block that is there, who sent it: by address, which outlives the connection.
    private(set) var sources: [Endpoint?]
    /// No block before this one is free.
    private var firstFree = 0

    private static let free: UInt8 = 0
    private static let received: UInt8 = .max

    init(piece: PieceIndex, blockCount: Int, startedBy peer: PeerKey) {
        self.piece = piece
        self.startedBy = peer
        self.freeCount = blockCount
        self.marks = Array(repeating: Self.free, count: blockCount)
        self.sources = Array(repeating: nil, count: blockCount)
    }

    var blockCount: Int { marks.count }
    var isComplete: Bool { receivedCount == marks.count }
    /// Nothing is there and nothing is asked for.
    var isUntouched: Bool { freeCount == marks.count }

    func isReceived(_ block: BlockIndex) -> Bool { marks[block.position] == Self.received }

    /// How many peers owe us `block`; 0 if it is free or there.
    func requestCount(of block: BlockIndex) -> Int {
        let mark = marks[block.position]
        return mark == Self.received ? 0 : Int(mark)
    }

    /// The first block that nobody was asked for, now asked for.
    mutating func takeFree() -> BlockIndex? {
        guard freeCount > 0 else { return nil }
        while marks[firstFree] != Self.free { firstFree += 1 }
        marks[firstFree] = 1
        freeCount -= 1
        return BlockIndex(firstFree)
    }

    /// One more peer is asked for `block`, which was asked for before (endgame).
    mutating func addRequest(_ block: BlockIndex) {
        guard marks[block.position] < Self.received - 1 else { return }
        marks[block.position] += 1
    }

    /// One peer will not send `block` after all.
    mutating func dropRequest(_ block: BlockIndex) {
        let mark = marks[block.position]
        guard mark != Self.received, mark != Self.free else { return }
        marks[block.position] = mark - 1
        if mark == 1 { noteFree(block) }
    }

    /// Marks `block` as there; false if it was already.
    mutating func receive(_ block: BlockIndex, from sender: Endpoint) -> Bool {
        let mark = marks[block.position]
        guard mark != Self.received else { return false }
        if mark == Self.free { freeCount -= 1 }
        marks[block.position] = Self.received
        sources[block.position] = sender
        receivedCount += 1
        return true
    }

    /// What was there of `block` is wrong: it is free again.
    mutating func forget(_ block: BlockIndex) {
        guard marks[block.position] == Self.received else { return }
        marks[block.position] = Self.free
        sources[block.position] = nil
        receivedCount -= 1
        noteFree(block)
    }

    private mutating func noteFree(_ block: BlockIndex) {
        freeCount += 1
        firstFree = min(firstFree, block.position)
    }

    /// Calls `body` with each block that was asked for and is not there.
    func forEachRequested(_ body: (BlockIndex, _ requestCount: Int) -> Void) {
        for (position, mark) in marks.enumerated()
        where mark != Self.free && mark != Self.received {
            body(BlockIndex(position), Int(mark))
        }
    }
}
