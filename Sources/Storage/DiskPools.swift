import Glibc
import Synchronization

/// One `DiskPool` a device, made when the first torrent on it comes.
public final class DiskPools: Sendable {
    private let pools = Mutex<[UInt64: DiskPool]>([:])
    private let make: @Sendable () -> DiskPool

    public init(make: @escaping @Sendable () -> DiskPool = { DiskPool() }) {
        self.make = make
    }

    /// The pool of the device that holds `folder`, or its nearest parent that exists. Asks the
    /// file system, so not for event loops.
    public func pool(for folder: String) -> DiskPool {
        let device = Self.device(of: folder)
        return pools.withLock { pools in
            if let pool = pools[device] { return pool }
            let pool = make()
            pools[device] = pool
            return pool
        }
    }

    /// What waits now for all disks.
    public var queue: DiskQueue {
        var queue = DiskQueue()
        for pool in pools.withLock({ Array($0.values) }) { queue.add(pool.queue) }
        return queue
    }

    /// Stops all pools, as `DiskPool.stop` does.
    public func stop() {
        let all = pools.withLock { pools in
            defer { pools = [:] }
            return Array(pools.values)
        }
        for pool in all { pool.stop() }
    }

    /// Bytes that may still be written on the file system of `folder`, or of its nearest parent
    /// that exists; nil if nobody knows. Asks the file system.
    public static func freeBytes(of folder: String) -> Int64? {
        var path = Substring(folder)
        var status = statvfs()
        while statvfs(path.isEmpty ? "/" : String(path), &status) != 0 {
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
            path = slash == path.startIndex ? "/" : path[..<slash]
        }
        let (bytes, overflow) = Int64(clamping: status.f_bavail)
            .multipliedReportingOverflow(by: Int64(clamping: status.f_frsize))
        return overflow ? .max : bytes
    }

    /// The device that holds `folder`, or its nearest parent that exists; 0 if none does.
    static func device(of folder: String) -> UInt64 {
        var path = Substring(folder)
        var status = stat()
        while stat(path.isEmpty ? "." : String(path), &status) != 0 {
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return 0 }
            path = slash == path.startIndex ? "/" : path[..<slash]
        }
        return UInt64(status.st_dev)
    }
}
