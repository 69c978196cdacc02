import Dispatch
import Glibc
import Storage
import Synchronization

/// Runs what the seedbox does, in order, on a thread that may wait for the session store. So a
/// command needs no turn in the middle of which another one begins, and the threads that all others
/// share never wait for a disk.
final class OwnThread: SerialExecutor {
    private let queue = DispatchQueue(label: "seedbox")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}

/// The state folder is one seedbox's at a time. Given up with the last reference, also when the
/// process is killed.
final class StateLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// Makes the folder if need be.
    init(folder: String) throws(SeedboxError) {
        do throws(SessionStoreError) {
            try SessionStore.makeFolder(folder)
        } catch {
            throw SeedboxError(error)
        }
        let path = folder + "/seedbox.lock"
        let opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard opened >= 0 else {
            throw .storage("\(path): \(String(cString: strerror(errno)))")
        }
        guard flock(opened, LOCK_EX | LOCK_NB) == 0 else {
            close(opened)
            throw .storage(
                "\(folder): another seedbox is using it; stop that one, "
                    + "or give this one a state folder of its own")
        }
        descriptor = Mutex(opened)
    }

    func giveUp() {
        descriptor.withLock { descriptor in
            if let descriptor {
                // A program that is being started has it too until it is itself.
                flock(descriptor, LOCK_UN)
                close(descriptor)
            }
            descriptor = nil
        }
    }

    deinit { giveUp() }
}
