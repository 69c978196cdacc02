import Dispatch
import Glibc
import Synchronization
import Terminal

/// The signals by which a user ends or suspends the program. Their handler only writes which one
/// came into a pipe; a thread reads it, so that whatever a signal brings about is ordinary code.
///
/// They are not blocked and waited for, as the main thread of an asynchronous program ends up in
/// a `sigsuspend` that lets all of them through.
enum StopSignals {
    private struct State {
        var stop: AsyncStream<Int32>.Continuation?
        var onStop: (@Sendable () -> Void)?
        var askedAt: ContinuousClock.Instant?
        var redraw: (@Sendable () -> Void)?
        var hangUps: AsyncStream<Void>.Continuation?
        var report: (@Sendable () -> Void)?
        var isReporting = false
    }

    private static let state = Mutex(State())

    /// To be called once, first of all.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        // Without the pipe the signals do what they do to every program.
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        handlerPipe.store(ends[1], ordering: .relaxed)
        var thread = pthread_t()
        let readEnd = UnsafeMutableRawPointer(bitPattern: Int(ends[0]) + 1)
        guard pthread_create(&thread, nil, { readSignals($0) }, readEnd) == 0 else { return }
        for number in [SIGINT, SIGTERM, SIGWINCH, SIGUSR1] { handle(number) }
        // Started by `nohup`, the program outlives its terminal.
        if !isIgnored(SIGHUP) { handle(SIGHUP) }
        if isatty(STDERR_FILENO) == 1, !isIgnored(SIGTSTP) { handle(SIGTSTP) }
    }

    private static func handle(_ number: Int32) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = noteSignal
        action.sa_flags = SA_RESTART
        sigaction(number, &action, nil)
    }

    /// From now on the first SIGINT, SIGTERM or SIGHUP is an element here instead of the end of the
    /// process. A SIGINT that follows ends it at once, and so does a SIGTERM, unless it is one of
    /// several that were sent together: `timeout` sends two.
    ///
    /// - Parameter onStop: Is run at the first one, whatever keeps the program's tasks from it.
    static func graceful(
        onStop: @escaping @Sendable () -> Void = {}
    ) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        state.withLock { ($0.stop, $0.onStop) = (continuation, onStop) }
        return stream
    }

    /// From now on each SIGHUP is an element here, also for a program that `nohup` has started.
    static func hangUps() -> AsyncStream<Void> {
        // Two in a row ask for no more than one does, if nobody has listened in between.
        let (stream, continuation) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.hangUps = continuation }
        handle(SIGHUP)
        return stream
    }

    /// What to do when the terminal changed its size or shows the program again.
    static func onRedraw(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.redraw = body }
    }

    /// What to do at each SIGUSR1, on a thread that nothing else needs. Otherwise it does nothing;
    /// nor does one that comes while that is still being done.
    static func onReport(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.report = body }
    }

    fileprivate static func take(_ number: Int32) {
        switch number {
        case SIGWINCH: state.withLock(\.redraw)?()
        case SIGUSR1: report()
        case SIGTSTP:
            Console.standard.restore()
            kill(getpid(), SIGSTOP)
            state.withLock(\.redraw)?()
        case SIGHUP:
            guard let hangUps = state.withLock(\.hangUps) else { return stop(number) }
            hangUps.yield()
        default: stop(number)
        }
    }

    private static func report() {
        let report = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isReporting, let report = state.report else { return nil }
            state.isReporting = true
            return report
        }
        guard let report else { return }
        // A queue of its own has a thread whatever the others wait for.
        DispatchQueue(label: "report").async {
            report()
            state.withLock { $0.isReporting = false }
        }
    }

    private static func stop(_ number: Int32) {
        enum Verdict {
            case told((@Sendable () -> Void)?)
            case endNow
            case ignored
        }
        let verdict = state.withLock { state -> Verdict in
            guard let stop = state.stop else { return .endNow }
            guard let askedAt = state.askedAt else {
                state.askedAt = .now
                stop.yield(number)
                return .told(state.onStop)
            }
            let isOneOfSeveral = ContinuousClock.now - askedAt < Limits.sameRequestTime
            switch number {
            case SIGINT: return .endNow
            case SIGTERM: return isOneOfSeveral ? .ignored : .endNow
            default: return .ignored
            }
        }
        switch verdict {
        case .told(let onStop): onStop?()
        case .ignored: break
        case .endNow:
            Console.standard.restore()
            _exit(ExitStatus(signal: number).rawValue)
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        // SIG_IGN is the address 1.
        return withUnsafeBytes(of: action.__sigaction_handler) { $0.load(as: UInt.self) == 1 }
    }
}

extension ExitStatus {
    /// After a signal: a terminal that hung up counts as stopped unfinished.
    init(signal number: Int32) {
        switch number {
        case SIGINT: self = .interrupted
        case SIGTERM: self = .terminated
        default: self = .unfinished
        }
    }
}

private let handlerPipe = Atomic<Int32>(-1)

/// Runs wherever a signal finds the program: nothing is called but `write`.
private func noteSignal(_ number: Int32) {
    let saved = errno
    var byte = UInt8(truncatingIfNeeded: number)
    // A full pipe has more signals in it than anybody will miss.
    _ = write(handlerPipe.load(ordering: .relaxed), &byte, 1)
    errno = saved
}

/// The argument is the pipe's end to read from, plus one so that it is never a null pointer.
private func readSignals(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let descriptor = Int32(truncatingIfNeeded: Int(bitPattern: argument) - 1)
    while true {
        var byte: UInt8 = 0
        let count = read(descriptor, &byte, 1)
        if count == 1 {
            StopSignals.take(Int32(byte))
        } else if count == 0 || errno != EINTR {
            return nil
        }
    }
}
