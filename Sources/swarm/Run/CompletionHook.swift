import Dispatch
import Glibc
import Terminal
import Units

/// The user's command that runs when a torrent is complete. The shell reads it as the user wrote
/// it; what the torrent says reaches it in the environment only, where no shell interprets it.
struct CompletionHook: Sendable {
    let command: String

    /// What the command may want to know.
    struct Facts: Sendable {
        var name: String
        var infoHash: String
        var directory: String
        var path: String
        var bytes: Int64
        var bytesDownloaded: Int64
        var files: Int
        var isPrivate: Bool
        var trackers: [String]
        /// Local time in the words of ctime(3), as Transmission gives it.
        var time: String

        /// Variables of ours and of Transmission's scripts. Ours are not `SWARM_NAME` and so on,
        /// which a swarm that the command starts would take for its options.
        var environment: [(name: String, value: String)] {
            [
                ("SWARM_TORRENT_NAME", name), ("SWARM_TORRENT_HASH", infoHash),
                ("SWARM_TORRENT_DIR", directory), ("SWARM_TORRENT_PATH", path),
                ("SWARM_TORRENT_BYTES", "\(bytes)"),
                ("SWARM_TORRENT_BYTES_DOWNLOADED", "\(bytesDownloaded)"),
                ("SWARM_TORRENT_FILES", "\(files)"),
                ("SWARM_TORRENT_PRIVATE", isPrivate ? "1" : "0"),
                ("SWARM_TORRENT_TRACKERS", trackers.joined(separator: ",")),
                ("TR_APP_VERSION", programVersion), ("TR_TIME_LOCALTIME", time),
                ("TR_TORRENT_BYTES_DOWNLOADED", "\(bytesDownloaded)"),
                ("TR_TORRENT_DIR", directory), ("TR_TORRENT_HASH", infoHash),
                ("TR_TORRENT_ID", "1"), ("TR_TORRENT_LABELS", ""), ("TR_TORRENT_NAME", name),
                ("TR_TORRENT_PRIORITY", "0"),
                ("TR_TORRENT_TRACKERS", trackers.joined(separator: ",")),
            ]
        }
    }

    /// Runs the command to its end. Its standard output is ours, or standard error where ours
    /// is read by a program.
    func run(
        _ facts: Facts, environment: [String: String], outputToError: Bool
    ) async throws(Failure) {
        var variables = environment
        // A zero byte ends a variable's value; names come without, but nothing here says so.
        for (name, value) in facts.environment {
            variables[name] = String(value.prefix { $0 != "\0" })
        }
        let words = variables.map { "\($0.key)=\($0.value)" }
        let process = try start(words, outputToError: outputToError)
        let status = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var status: Int32 = 0
                while waitpid(process, &status, 0) == -1, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
        let signal = status & 0x7F
        let code = (status >> 8) & 0xFF
        if signal != 0 { throw Failure(.failed, "--on-complete", "ended by signal \(signal)") }
        if code != 0 { throw Failure(.failed, "--on-complete", "ended with status \(code)") }
    }

    private func start(_ variables: [String], outputToError: Bool) throws(Failure) -> pid_t {
        var attributes = posix_spawnattr_t()
        var actions = posix_spawn_file_actions_t()
        posix_spawnattr_init(&attributes)
        posix_spawn_file_actions_init(&actions)
        defer {
            posix_spawnattr_destroy(&attributes)
            posix_spawn_file_actions_destroy(&actions)
        }
        // What this process blocks and ignores is its own affair.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if outputToError {
            posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
        }
        var process = pid_t()
        let code = withCStrings(["sh", "-c", command]) { arguments in
            withCStrings(variables) { variables in
                posix_spawn(&process, "/bin/sh", &actions, &attributes, arguments, variables)
            }
        }
        guard code == 0 else { throw Failure(.failed, "--on-complete", errno: code) }
        return process
    }
}

/// Calls `body` with the texts as C has them: an array of pointers that ends in a null pointer.
private func withCStrings<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies = texts.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return body(copies + [nil])
}
