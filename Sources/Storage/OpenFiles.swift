import Glibc
import Synchronization

/// An open file or folder, closed when the last who uses it lets go.
public final class Descriptor: Sendable {
    public let rawValue: Int32
    let isWritable: Bool
    /// Held while it is written to: the kernel lets one write to a file at a time and has the
    /// others spin meanwhile, which takes a core from those who could use it.
    let writing = Mutex<Void>(())

    init(_ rawValue: Int32, isWritable: Bool) {
        self.rawValue = rawValue
        self.isWritable = isWritable
    }

    deinit { close(rawValue) }
}

/// The descriptors of payload files that the process keeps open: those used last.
///
/// Letting go of a descriptor here closes it only when nobody is using it, so a read in flight or
/// a lease for `sendfile` never loses its file.
public final class OpenFiles: Sendable {
    struct Key: Hashable {
        let store: UInt64
        let file: UInt32
    }

    private struct Entry {
        let descriptor: Descriptor
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var uses: UInt64 = 0
        var stores: UInt64 = 0
    }

    /// The number of descriptors kept.
    public let limit: Int
    private let state = Mutex(State())

    /// By default an eighth of what the process may open: the network needs most of the rest.
    public init(limit: Int? = nil) {
        self.limit = max(1, limit ?? Self.defaultLimit)
    }

    public var count: Int { state.withLock { $0.entries.count } }

    func newStore() -> UInt64 {
        state.withLock { state in
            state.stores += 1
            return state.stores
        }
    }

    func use(_ key: Key) -> Descriptor? {
        state.withLock { state in
            state.uses += 1
            state.entries[key]?.lastUse = state.uses
            return state.entries[key]?.descriptor
        }
    }

    func insert(_ descriptor: Descriptor, for key: Key) {
        let dropped = state.withLock { state -> Descriptor? in
            state.uses += 1
            state.entries[key] = Entry(descriptor: descriptor, lastUse: state.uses)
            guard state.entries.count > limit,
                let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            else { return nil }
            state.entries.removeValue(forKey: oldest.key)
            return oldest.value.descriptor
        }
        // Closed here, outside the lock: closing may wait for the disk.
        withExtendedLifetime(dropped) {}
    }

    func remove(_ key: Key) {
        let dropped = state.withLock { $0.entries.removeValue(forKey: key) }
        withExtendedLifetime(dropped) {}
    }

    func removeAll(of store: UInt64) {
        let dropped = state.withLock { state -> [Entry] in
            let dropped = state.entries.filter { $0.key.store == store }
            for key in dropped.keys { state.entries.removeValue(forKey: key) }
            return Array(dropped.values)
        }
        withExtendedLifetime(dropped) {}
    }

    /// Lets go of all, when the system has no descriptor left.
    func shed() {
        let dropped = state.withLock { state -> [Key: Entry] in
            defer { state.entries = [:] }
            return state.entries
        }
        withExtendedLifetime(dropped) {}
    }

    private static var defaultLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Limits.openFilesMin
        }
        let allowed = Int(min(limit.rlim_cur, 1 << 20))
        return min(Limits.openFilesMax, max(Limits.openFilesMin, allowed / 8))
    }
}
