import Logging
import Subprocess
import SystemPackage
import Units

/// Runs the user's programs: a few at a time, each for a limited time, and none through a shell.
actor HookRunner {
    enum Outcome: Hashable, Sendable {
        case done
        case failed(status: Int32)
        case ended(bySignal: Int32)
        case timedOut
        case cannotStart(reason: String)
        /// Too many were waiting.
        case dropped

        /// The word of metrics.
        var word: String {
            switch self {
            case .done: "ok"
            case .failed, .ended: "failed"
            case .timedOut: "timeout"
            case .cannotStart: "not-started"
            case .dropped: "dropped"
            }
        }
    }

    private let timeMax: Interval
    private let base: [String: String]
    private let logger: Logger
    private let counters: AutomationCounters
    private var running = 0
    private var queue: [CheckedContinuation<Void, Never>] = []

    /// - Parameter base: the environment that programs have, but for what is this process's own.
    init(
        timeMax: Interval = Limits.hookTimeMax, base: [String: String],
        counters: AutomationCounters, logger: Logger
    ) {
        self.timeMax = timeMax
        self.base = base
        self.counters = counters
        self.logger = logger
    }

    /// Runs the program to its end, once it has its turn.
    ///
    /// - Parameter command: the program's path, or its name to be looked for in PATH, and its
    ///   arguments, as the user wrote them.
    @discardableResult
    func run(_ command: [String], _ facts: HookFacts) async -> Outcome {
        guard let program = command.first else { return .done }
        guard queue.count < Limits.hooksWaitingMax else {
            return end(.dropped, program, facts, output: "")
        }
        await takeTurn()
        defer { giveTurn() }
        let (outcome, output) = await execute(command, environment: facts.environment(over: base))
        return end(outcome, program, facts, output: output)
    }

    private func takeTurn() async {
        guard running >= Limits.hooksAtOnceMax else {
            running += 1
            return
        }
        await withCheckedContinuation { queue.append($0) }
    }

    /// The turn goes to the next that waits, if any does.
    private func giveTurn() {
        if queue.isEmpty { running -= 1 } else { queue.removeFirst().resume() }
    }

    private func end(
        _ outcome: Outcome, _ program: String, _ facts: HookFacts, output: String
    ) -> Outcome {
        counters.count(.hooks, facts.occasion.rawValue, outcome.word)
        let metadata: Logger.Metadata = [
            "program": "\(program)", "event": "\(facts.occasion.rawValue)",
            "torrent": "\(facts.infoHash)", "output": "\(output)",
        ]
        switch outcome {
        case .done: logger.info("a hook has run", metadata: metadata)
        case .failed(let status):
            logger.warning("a hook ended with status \(status)", metadata: metadata)
        case .ended(let signal):
            logger.warning("a hook was ended by signal \(signal)", metadata: metadata)
        case .timedOut: logger.warning("a hook took too long and was ended", metadata: metadata)
        case .cannotStart(let reason):
            logger.warning("a hook could not be started: \(reason)", metadata: metadata)
        case .dropped:
            logger.warning("a hook was not run: too many were waiting", metadata: metadata)
        }
        return outcome
    }

    // MARK: - One program

    private enum Event: Sendable {
        case ended(Outcome)
        case timeIsUp
    }

    private nonisolated func execute(
        _ command: [String], environment: [String: String]
    ) async -> (Outcome, output: String) {
        let output = BoundedOutput()
        let outcome = await withTaskGroup(of: Event.self) { group in
            group.addTask {
                .ended(await Self.start(command, environment: environment, output))
            }
            group.addTask { [timeMax] in
                try? await Task.sleep(for: .nanoseconds(timeMax.nanoseconds))
                return .timeIsUp
            }
            defer { group.cancelAll() }
            if case .ended(let outcome) = await group.next() { return outcome }
            // Being cancelled ends the program, and all that it has started and not let go.
            group.cancelAll()
            while let event = await group.next() {
                if case .ended(.cannotStart(let reason)) = event {
                    return .cannotStart(reason: reason)
                }
            }
            return .timedOut
        }
        return (outcome, await output.text)
    }

    private static func start(
        _ command: [String], environment: [String: String], _ output: BoundedOutput
    ) async -> Outcome {
        let program = command[0]
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(
                signal: .terminate, toProcessGroup: true,
                allowedDurationToNextStep: .nanoseconds(Limits.hookGraceTime.nanoseconds)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero),
        ]
        let variables = Dictionary(
            uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0), $1) })
        do {
            let result = try await Subprocess.run(
                program.contains("/") ? .path(FilePath(program)) : .name(program),
                arguments: Arguments(Array(command.dropFirst())),
                environment: .custom(variables), workingDirectory: "/", platformOptions: options,
                input: .none, output: .sequence, error: .combinedWithOutput
            ) { execution in
                for try await part in execution.standardOutput {
                    await output.append(part.withUnsafeBytes { Array($0) })
                }
            }
            switch result.terminationStatus {
            case .exited(0): return .done
            case .exited(let status): return .failed(status: status)
            case .signaled(let signal): return .ended(bySignal: signal)
            }
        } catch is CancellationError {
            return .timedOut
        } catch {
            return Task.isCancelled
                ? .timedOut
                : .cannotStart(reason: "\(error)".cut(toBytes: Limits.hookOutputBytesMax))
        }
    }
}

/// The beginning of what a program prints. The rest is read and forgotten, so that it can go on.
private actor BoundedOutput {
    private var bytes: [UInt8] = []

    func append(_ part: [UInt8]) {
        bytes.append(contentsOf: part.prefix(Limits.hookOutputBytesMax - bytes.count))
    }

    var text: String {
        let text = String(decoding: bytes, as: UTF8.self)
        return String(text.reversed().drop(while: \.isNewline).reversed())
    }
}
