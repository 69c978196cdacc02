import Units

/// One thing that will happen. Of fixed size and without references, so that a queue of ten million
/// of them is one flat block of memory.
@usableFromInline
struct Event {
    enum Kind: UInt8 {
        case datagram, timer, stream, control, check
    }

    /// Nanoseconds of the virtual clock.
    let time: Int64
    /// What was scheduled first happens first, among things of the same moment.
    let order: UInt64
    let host: HostIndex
    private let kindAndPayload: UInt32

    init(time: Int64, order: UInt64, kind: Kind, host: HostIndex, payload: UInt32) {
        precondition(payload >> 28 == 0)
        self.time = time
        self.order = order
        self.host = host
        self.kindAndPayload = UInt32(kind.rawValue) << 28 | payload
    }

    var kind: Kind { Kind(rawValue: UInt8(kindAndPayload >> 28)) ?? .check }
    /// A place in the pool that belongs to the kind.
    var payload: UInt32 { kindAndPayload & 0x0FFF_FFFF }

    func isBefore(_ other: Event) -> Bool {
        time != other.time ? time < other.time : order < other.order
    }
}

/// What will happen, soonest first: a heap with four children a node, which touches half as many
/// cache lines as one with two.
struct Agenda {
    private var heap: ContiguousArray<Event> = []
    private var nextOrder: UInt64 = 0

    var count: Int { heap.count }
    var nextTime: Int64? { heap.first?.time }

    mutating func schedule(
        _ kind: Event.Kind, for host: HostIndex, payload: UInt32, at time: Instant
    ) {
        nextOrder += 1
        let event = Event(
            time: time.nanoseconds, order: nextOrder, kind: kind, host: host, payload: payload)
        heap.append(event)
        heap.withUnsafeMutableBufferPointer { heap in
            var place = heap.count - 1
            while place > 0 {
                let parent = (place - 1) / 4
                guard event.isBefore(heap[parent]) else { break }
                heap[place] = heap[parent]
                place = parent
            }
            heap[place] = event
        }
    }

    mutating func next() -> Event? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap.withUnsafeMutableBufferPointer { Self.sink(last, in: $0) }
        return first
    }

    /// Puts `event` into the hole at the top, and lets it sink to its place.
    private static func sink(_ event: Event, in heap: UnsafeMutableBufferPointer<Event>) {
        var hole = 0
        while true {
            let firstChild = hole * 4 + 1
            guard firstChild < heap.count else { break }
            var least = firstChild
            for child in firstChild + 1..<max(firstChild + 1, min(firstChild + 4, heap.count))
            where heap[child].isBefore(heap[least]) {
                least = child
            }
            guard heap[least].isBefore(event) else { break }
            heap[hole] = heap[least]
            hole = least
        }
        heap[hole] = event
    }
}

/// Values under small numbers, whose places are used again.
struct SlotPool<Value> {
    private var slots: ContiguousArray<Value> = []
    private var free: ContiguousArray<UInt32> = []

    var count: Int { slots.count - free.count }

    mutating func insert(_ value: Value) -> UInt32 {
        guard let slot = free.popLast() else {
            slots.append(value)
            return UInt32(slots.count - 1)
        }
        slots[Int(slot)] = value
        return slot
    }

    subscript(slot: UInt32) -> Value {
        get { slots[Int(slot)] }
        _modify { yield &slots[Int(slot)] }
    }

    mutating func remove(_ slot: UInt32) { free.append(slot) }

    /// A place whose value is left from its last use, so that its storage can be used again.
    mutating func reuse() -> UInt32? { free.popLast() }
}
