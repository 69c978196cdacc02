import Glibc
import Synchronization

/// A page-aligned run of memory that holds some blocks of one piece.
///
/// It has one owner at a time: the writer while blocks come in, then a lane, then the memory.
// SAFETY: it is handed over, never shared; whoever lets go of it does not look at it again.
final class Extent: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer
    /// Where it begins in the piece.
    var begin: UInt32 = 0
    /// Bytes of the piece that belong here: less than `bytes.count` at the piece's end.
    var length: UInt32 = 0
    /// Bit `i` is set when the `i`-th block of 16 KiB is there.
    var blocks: UInt32 = 0
    /// When it was taken; smaller is older.
    var age: UInt64 = 0

    init(byteCount: Int) {
        let page = max(4096, Int(sysconf(Int32(_SC_PAGESIZE))))
        self.bytes = .allocate(byteCount: byteCount, alignment: page)
    }

    deinit { bytes.deallocate() }
}

/// The memory of all blocks between the network and the disk: one fixed budget for the process.
///
/// A block is always taken. When the budget is used up, `isCongested` turns true and says that
/// reading from the network should pause; it turns false when a quarter is free again, and those
/// who asked are told. What goes over the budget is what was on its way.
public final class ExtentMemory: Sendable {
    private struct State {
        /// Unused extents by the binary logarithm of their length in blocks.
        var free: [[Extent]] = Array(repeating: [], count: 5)
        var freeBytes = 0
        /// How many of each length there were at least since they were last looked at: so many
        /// nobody has needed.
        var unneeded = [0, 0, 0, 0, 0]
        /// Bytes of extents that somebody holds.
        var usedBytes = 0
        /// Of these, the bytes that lanes hold: they come back without anybody's doing.
        var queuedBytes = 0
        var age: UInt64 = 0
        var listeners: [UInt64: Listener] = [:]
        var nextListener: UInt64 = 0
    }

    struct Listener: Sendable {
        /// Called on any thread when congestion ends.
        let relieved: @Sendable () -> Void
        /// Asked to hand at least so many bytes to the lanes, whatever they hold; gives how many.
        let flush: @Sendable (Int) -> Int
    }

    public let budget: Int
    private let congested = Atomic<Bool>(false)
    private let state = Mutex(State())

    /// - Parameter budget: bytes; 24 MiB by default.
    public init(budget: Int? = nil) {
        self.budget = max(Limits.extentLengthMax, budget ?? Limits.extentMemory)
    }

    /// Whether reading from the network should pause.
    public var isCongested: Bool { congested.load(ordering: .relaxed) }

    /// Bytes that are held now.
    public var usedBytes: Int { state.withLock { $0.usedBytes } }

    private var reliefBytes: Int { budget / 4 * 3 }

    /// The length of the extents of pieces of `pieceLength` bytes: a power of two.
    static func extentLength(forPieceLength pieceLength: UInt32) -> Int {
        var length = Limits.extentLengthMin
        while length < Limits.extentLengthMax, length < Int(pieceLength) { length *= 2 }
        return length
    }

    func take(length: Int) -> Extent {
        let kind = Self.kind(ofLength: length)
        let (extent, age) = state.withLock { state -> (Extent?, UInt64) in
            state.usedBytes += length
            state.age += 1
            if state.usedBytes >= budget { congested.store(true, ordering: .relaxed) }
            guard let extent = state.free[kind].popLast() else {
                trim(&state)
                return (nil, state.age)
            }
            state.freeBytes -= length
            state.unneeded[kind] = min(state.unneeded[kind], state.free[kind].count)
            return (extent, state.age)
        }
        let taken = extent ?? Extent(byteCount: length)
        taken.age = age
        taken.blocks = 0
        return taken
    }

    /// Says that `extent` is on a lane and comes back soon.
    func queued(_ extent: Extent) {
        state.withLock { $0.queuedBytes += extent.bytes.count }
    }

    /// Gives back what `queued` was told of, or (`wasQueued` false) what never got so far.
    func give(_ extent: Extent, wasQueued: Bool = true) {
        let length = extent.bytes.count
        let relieved = state.withLock { state -> [Listener] in
            state.usedBytes -= length
            if wasQueued { state.queuedBytes -= length }
            state.free[Self.kind(ofLength: length)].append(extent)
            state.freeBytes += length
            trim(&state)
            guard isCongested, state.usedBytes <= reliefBytes else { return [] }
            congested.store(false, ordering: .relaxed)
            return Array(state.listeners.values)
        }
        for listener in relieved { listener.relieved() }
    }

    /// When the memory is full of blocks that no lane will give back, has the writers hand over
    /// as many bytes as it takes for congestion to end. Called with no writer's lock held.
    func relieveIfStuck() {
        guard isCongested else { return }
        var (missing, listeners) = state.withLock { state -> (Int, [Listener]) in
            let missing = state.usedBytes - reliefBytes - state.queuedBytes
            return (missing, missing > 0 ? Array(state.listeners.values) : [])
        }
        for listener in listeners where missing > 0 { missing -= listener.flush(missing) }
    }

    func listen(_ listener: Listener) -> UInt64 {
        state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = listener
            return state.nextListener
        }
    }

    func unlisten(_ number: UInt64) {
        _ = state.withLock { $0.listeners.removeValue(forKey: number) }
    }

    /// Lets go of the unused extents that nobody has needed since this was last called. To be
    /// called now and then, or what one burst has taken would be kept for ever.
    public func giveBackUnneeded() {
        let dropped = state.withLock { state -> [Extent] in
            var dropped: [Extent] = []
            for kind in state.free.indices {
                let count = min(state.unneeded[kind], state.free[kind].count)
                dropped += state.free[kind].suffix(count)
                state.free[kind].removeLast(count)
                state.freeBytes -= count * (Limits.extentLengthMin << kind)
                state.unneeded[kind] = state.free[kind].count
            }
            return dropped
        }
        // Here, outside the lock: the system takes its time with so many pages.
        withExtendedLifetime(dropped) {}
    }

    /// Bytes that are kept for who needs them next.
    var freeBytes: Int { state.withLock { $0.freeBytes } }

    /// Lets unused extents go while they and the used ones exceed the budget.
    private func trim(_ state: inout State) {
        for kind in state.free.indices {
            while state.freeBytes + state.usedBytes > budget, !state.free[kind].isEmpty {
                state.free[kind].removeLast()
                state.freeBytes -= Limits.extentLengthMin << kind
                state.unneeded[kind] = min(state.unneeded[kind], state.free[kind].count)
            }
        }
    }

    private static func kind(ofLength length: Int) -> Int {
        (length / Limits.extentLengthMin).trailingZeroBitCount
    }
}
