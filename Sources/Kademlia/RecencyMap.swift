/// A map that knows which entry was not touched for longest, and keeps its entries side by side.
/// Its order does not depend on how keys hash, so that what is done with it can be repeated.
struct RecencyMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Slot: Sendable {
        let key: Key
        var value: Value
        /// Slots, or -1.
        var newer: Int
        var older: Int
    }

    private var slots: [Slot] = []
    private var positions: [Key: Int] = [:]
    private var newest = -1
    private var oldest = -1

    var count: Int { slots.count }
    var isEmpty: Bool { slots.isEmpty }

    subscript(key: Key) -> Value? {
        guard let position = positions[key] else { return nil }
        return slots[position].value
    }

    func contains(_ key: Key) -> Bool { positions[key] != nil }

    /// The entry at `position`, from 0; removal may move entries.
    func entry(at position: Int) -> (key: Key, value: Value)? {
        guard slots.indices.contains(position) else { return nil }
        return (slots[position].key, slots[position].value)
    }

    /// The entry that was not touched for longest.
    var oldestEntry: (key: Key, value: Value)? { entry(at: oldest) }

    /// Changes the value of `key` in place, without touching it; `nil` if there is none.
    @discardableResult
    mutating func update<Result>(_ key: Key, _ body: (inout Value) -> Result) -> Result? {
        guard let position = positions[key] else { return nil }
        return body(&slots[position].value)
    }

    /// Makes `key` the newest, with `value`.
    mutating func insert(_ value: Value, for key: Key) {
        if let position = positions[key] {
            slots[position].value = value
            touch(position)
            return
        }
        positions[key] = slots.count
        slots.append(Slot(key: key, value: value, newer: -1, older: -1))
        link(slots.count - 1)
    }

    /// Makes `key` the newest, if it is there.
    mutating func touch(_ key: Key) {
        guard let position = positions[key] else { return }
        touch(position)
    }

    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard let position = positions.removeValue(forKey: key) else { return nil }
        unlink(position)
        let value = slots[position].value
        let last = slots.removeLast()
        if position < slots.count {
            // The last slot moves here, and its neighbours are told.
            slots[position] = last
            positions[last.key] = position
            if last.newer >= 0 { slots[last.newer].older = position } else { newest = position }
            if last.older >= 0 { slots[last.older].newer = position } else { oldest = position }
        }
        return value
    }

    private mutating func touch(_ position: Int) {
        guard newest != position else { return }
        unlink(position)
        link(position)
    }

    private mutating func link(_ position: Int) {
        slots[position].newer = -1
        slots[position].older = newest
        if newest >= 0 { slots[newest].newer = position } else { oldest = position }
        newest = position
    }

    private mutating func unlink(_ position: Int) {
        let (newer, older) = (slots[position].newer, slots[position].older)
        if newer >= 0 { slots[newer].older = older } else { newest = older }
        if older >= 0 { slots[older].newer = newer } else { oldest = newer }
    }
}
