import Foundation
import Synchronization

/// One test's own network, folder and processes. All are gone when the test is over, however it
/// ends. With SWARM_KEEP=1 in the environment the folder stays, and its name is printed.
final class Arena: Sendable {
    let folder: URL
    let network: Network
    private let children = Mutex<[Child]>([])
    private let counter = Atomic<Int>(0)

    private init(folder: URL, network: Network) {
        self.folder = folder
        self.network = network
    }

    /// Waits for a turn, and runs `body` in an arena of its own. An error is told with the last
    /// words of every process.
    ///
    /// - Parameter taking: how many turns it counts as.
    static func with(taking turns: Int = 1, _ body: (Arena) async throws -> Void) async throws {
        try await Turnstile.shared.pass(taking: turns) {
            let folder = FileManager.default.temporaryDirectory
                .appending(path: "swarmtest-\(getpid())-\(UUID().uuidString.prefix(8))")
            try makeFolder(folder)
            let network: Network
            do {
                network = try await Network.make()
            } catch {
                try? FileManager.default.removeItem(at: folder)
                throw error
            }
            let arena = Arena(folder: folder, network: network)
            do {
                try await body(arena)
            } catch {
                let words = arena.lastWords
                await arena.close()
                throw GroundError("\(error)\n\(words)")
            }
            await arena.close()
        }
    }

    /// A new folder that other users may read and write too: some programs refuse to stay root.
    func makeFolder(_ name: String) throws -> URL {
        let url = folder.appending(path: "\(name)-\(counter.add(1, ordering: .relaxed).newValue)")
        try Self.makeFolder(url)
        return url
    }

    /// Starts a process on the machine `host`.
    func start(
        _ name: String, on host: Host, _ arguments: [String], environment: [String: String] = [:],
        splitErrors: Bool = false
    ) throws -> Child {
        let number = counter.add(1, ordering: .relaxed).newValue
        let child = try Child(
            name, host.command(arguments), environment: environment,
            log: folder.appending(path: "\(name)-\(number).log"),
            errors: splitErrors ? folder.appending(path: "\(name)-\(number).err") : nil)
        children.withLock { $0.append(child) }
        return child
    }

    private var lastWords: String {
        children.withLock { $0 }.map { child in
            let state = child.ended.map { "\($0)" } ?? "running"
            let errors = child.log.deletingPathExtension().appendingPathExtension("err")
            let text = child.output + ((try? String(contentsOf: errors, encoding: .utf8)) ?? "")
            let lines = text.split { $0 == "\n" || $0 == "\r" || $0 == "\r\n" }
            return "-- \(child.name), \(state):\n" + lines.suffix(12).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private func close() async {
        await withTaskGroup { group in
            for child in children.withLock({ $0 }) {
                group.addTask { await child.stop(patience: .seconds(2)) }
            }
        }
        await network.remove()
        if ProcessInfo.processInfo.environment["SWARM_KEEP"] == nil {
            try? FileManager.default.removeItem(at: folder)
        } else {
            print("kept \(folder.path)")
        }
    }

    private static func makeFolder(_ url: URL) throws {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: url.path)
    }
}

/// Lets so many through at a time that the machine is busy and not swamped.
actor Turnstile {
    static let shared = Turnstile(width: 4)

    private struct Waiting {
        let turns: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private var free: Int
    private var queue: [Waiting] = []

    init(width: Int) { free = width }

    nonisolated func pass(taking turns: Int, _ body: () async throws -> Void) async throws {
        await enter(turns)
        do {
            try await body()
        } catch {
            await leave(turns)
            throw error
        }
        await leave(turns)
    }

    private func enter(_ turns: Int) async {
        if queue.isEmpty, free >= turns {
            free -= turns
            return
        }
        await withCheckedContinuation {
            queue.append(Waiting(turns: turns, continuation: $0))
        }
    }

    /// In order: what needs many turns is not overtaken for ever by what needs few.
    private func leave(_ turns: Int) {
        free += turns
        while let next = queue.first, free >= next.turns {
            free -= next.turns
            queue.removeFirst().continuation.resume()
        }
    }
}
