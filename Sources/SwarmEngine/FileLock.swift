import Glibc
import Synchronization

/// A file that one process, and in it one session, has to itself. It is given up with the last
/// reference, also when the process is killed.
final class FileLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// Nil if another has it, or there can be no such file.
    init?(path: String) {
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else { return nil }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            return nil
        }
        descriptor = Mutex(opened)
    }

    func giveUp() {
        descriptor.withLock { descriptor in
            if let descriptor { close(descriptor) }
            descriptor = nil
        }
    }

    deinit { giveUp() }
}
