@preconcurrency import Dispatch
import Glibc
import Synchronization

/// Tells when something happens in a folder, by inotify(7). What happened is not told: the folder
/// is listed then anyway, as events can be lost.
final class FolderEvents: Sendable {
    private let source: any DispatchSourceRead
    /// True at first: something may have happened before it was watched for.
    private let news = Mutex(true)

    /// Whether something has happened since this was asked last.
    func takeNews() -> Bool {
        news.withLock { news in
            defer { news = false }
            return news
        }
    }

    /// - Parameter happened: called on a thread of its own, and must not wait.
    /// - Returns: nil if the kernel does not watch it; there is a limit on how many it does.
    init?(path: String, happened: @escaping @Sendable () -> Void) {
        let descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { return nil }
        let events =
            UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE)
            | UInt32(IN_DELETE_SELF) | UInt32(IN_MOVE_SELF) | UInt32(IN_UNMOUNT)
            | UInt32(IN_ONLYDIR)
        guard inotify_add_watch(descriptor, path, events) >= 0 else {
            close(descriptor)
            return nil
        }
        let queue = DispatchQueue(label: "watch folder")
        let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        self.source = source
        source.setEventHandler { [weak self] in
            // All that is there; the kernel says less than that it has happened again.
            var bytes = [UInt8](repeating: 0, count: 16 * 1024)
            while Glibc.read(descriptor, &bytes, bytes.count) > 0 {}
            self?.news.withLock { $0 = true }
            happened()
        }
        source.setCancelHandler { close(descriptor) }
        source.activate()
    }

    deinit { source.cancel() }
}
