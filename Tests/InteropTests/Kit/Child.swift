import Foundation
import Synchronization

/// What went wrong on the proving ground itself.
struct GroundError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A process that this one started, in a session of its own, so that all it starts can be ended
/// with it. What it prints goes to a file.
final class Child: Sendable {
    enum Ending: Equatable {
        case exit(Int32)
        case signal(Int32)
    }

    let name: String
    let pid: pid_t
    let log: URL
    private let ending = Mutex<Ending?>(nil)

    init(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], log: URL,
        errors: URL? = nil
    ) throws {
        self.name = name
        self.log = log
        var merged = ProcessInfo.processInfo.environment
        merged["LC_ALL"] = "C.UTF-8"
        merged.merge(environment) { $1 }
        pid = try spawn(
            arguments, environment: merged.map { "\($0)=\($1)" }, output: log.path,
            errors: errors?.path)
    }

    /// How the process ended; nil while it runs.
    var ended: Ending? {
        ending.withLock { ending in
            guard ending == nil else { return ending }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            let signal = status & 0x7F
            ending = signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
            return ending
        }
    }

    /// Waits for the end of the process.
    func end(within limit: Duration) async throws -> Ending {
        try await eventually("\(name) ends", within: limit, every: .milliseconds(5)) { self.ended }
    }

    func signal(_ number: Int32) {
        if ended == nil { kill(pid, number) }
    }

    /// Asks the process to end, and ends it if it does not.
    func stop(patience: Duration = .seconds(5)) async {
        signal(SIGTERM)
        _ = try? await end(within: patience)
        kill(-pid, SIGKILL)
        _ = try? await end(within: .seconds(5))
    }

    var output: String {
        (try? String(decoding: Data(contentsOf: log), as: UTF8.self)) ?? ""
    }
}

private func spawn(
    _ arguments: [String], environment: [String], output: String, errors: String?
) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let writing = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, writing, 0o644)
    if let errors {
        posix_spawn_file_actions_addopen(&actions, 2, errors, writing, 0o644)
    } else {
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // glibc's <spawn.h> names the first only under _GNU_SOURCE.
    let newSession: Int32 = 0x80
    let flags = newSession | Int32(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, Int16(flags))

    let argv = arguments.map { strdup($0) } + [nil]
    let envp = environment.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    var pid: pid_t = 0
    let status = posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, envp)
    guard status == 0 else {
        throw GroundError("\(arguments[0]): \(String(cString: strerror(status)))")
    }
    return pid
}

/// Runs a command to its end and returns what it printed.
@discardableResult
func run(_ arguments: [String], within limit: Duration = .seconds(30)) async throws -> String {
    let log = FileManager.default.temporaryDirectory.appending(path: "swarm-run-\(UUID())")
    defer { try? FileManager.default.removeItem(at: log) }
    let child = try Child(arguments[0], arguments, log: log)
    let ending: Child.Ending
    do {
        ending = try await child.end(within: limit)
    } catch {
        await child.stop(patience: .zero)
        throw error
    }
    guard ending == .exit(0) else {
        throw GroundError(
            "\(arguments.joined(separator: " ")): \(ending) \(child.output.suffix(2000))")
    }
    return child.output
}

/// Asks again and again until there is an answer.
func eventually<Answer>(
    _ what: String, within limit: Duration, every pause: Duration = .milliseconds(50),
    _ ask: () async throws -> Answer?
) async throws -> Answer {
    let deadline = ContinuousClock.now + limit
    while true {
        if let answer = try await ask() { return answer }
        guard ContinuousClock.now < deadline else {
            throw GroundError("waited \(limit) in vain: \(what)")
        }
        try await Task.sleep(for: pause)
    }
}

/// Asks again and again until it is so.
func eventually(
    _ what: String, within limit: Duration, every pause: Duration = .milliseconds(50),
    holds: () async throws -> Bool
) async throws {
    let _: Bool = try await eventually(what, within: limit, every: pause) {
        try await holds() ? true : nil
    }
}
