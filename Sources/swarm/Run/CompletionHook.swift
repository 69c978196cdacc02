import Dispatch
import Glibc
import Seedbox
import Terminal

/// The user's command that runs when a torrent is complete. The shell reads it as the user wrote
/// it; what the torrent says reaches it in the environment only, where no shell interprets it.
struct CompletionHook: Sendable {
    let command: String

    /// Runs the command to its end. Its standard output is ours, or standard error where ours
    /// is read by a program.
    func run(
        _ facts: HookFacts, environment: [String: String], outputToError: Bool
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
