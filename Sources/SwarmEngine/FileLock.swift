import Glibc

/// A file that one process, and in it one session, has to itself. It is given up with the last
/// reference, also when the process is killed.
final class FileLock: Sendable {
    private let descriptor: Int32

    /// Nil if another has it, or there can be no such file.
    init?(path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}
