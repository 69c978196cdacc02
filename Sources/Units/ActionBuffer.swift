/// What a machine wants done, in order. The caller owns it, hands it to `handle`, carries out what
/// it holds and reuses its storage, so that a turn of a machine allocates nothing.
public struct ActionBuffer<Action> {
    @usableFromInline var storage: ContiguousArray<Action> = []

    public init() {}

    @inlinable public var count: Int { storage.count }
    @inlinable public var isEmpty: Bool { storage.isEmpty }
    @inlinable public subscript(position: Int) -> Action { storage[position] }

    @inlinable
    public mutating func append(_ action: Action) { storage.append(action) }

    @inlinable
    public mutating func removeAll() { storage.removeAll(keepingCapacity: true) }

    /// The actions, leaving the buffer empty. For tests and cold paths.
    public mutating func take() -> [Action] {
        defer { removeAll() }
        return Array(storage)
    }
}

extension ActionBuffer: Sendable where Action: Sendable {}
