import Glibc
import Synchronization

/// The signals by which a user ends or suspends the program. They are blocked in every thread and
/// taken by one that only waits for them, so that whatever they bring about is ordinary code.
enum StopSignals {
    private struct State {
        var stop: AsyncStream<Int32>.Continuation?
        var wasAsked = false
        var redraw: (@Sendable () -> Void)?
    }

    private static let state = Mutex(State())

    /// Must be called before the first thread is started, since threads inherit what is blocked.
    static func install() {
        signal(SIGPIPE, SIG_IGN)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGWINCH] { sigaddset(&signals, number) }
        // Started by `nohup`, the program outlives its terminal.
        if !isIgnored(SIGHUP) { sigaddset(&signals, SIGHUP) }
        if isatty(STDERR_FILENO) == 1, !isIgnored(SIGTSTP) { sigaddset(&signals, SIGTSTP) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var thread = pthread_t()
        let waited = signals
        let box = Unmanaged.passRetained(SignalSet(waited))
        let code = pthread_create(&thread, nil, wait, box.toOpaque())
        if code != 0 {
            box.release()
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        }
    }

    /// From now on the first SIGINT, SIGTERM or SIGHUP is an element here instead of the end of the
    /// process; a SIGINT that follows ends it at once.
    static func graceful() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        state.withLock { $0.stop = continuation }
        return stream
    }

    /// What to do when the terminal changed its size or shows the program again.
    static func onRedraw(_ body: @escaping @Sendable () -> Void) {
        state.withLock { $0.redraw = body }
    }

    fileprivate static func take(_ number: Int32) {
        switch number {
        case SIGWINCH: state.withLock(\.redraw)?()
        case SIGTSTP:
            Console.standard.restore()
            kill(getpid(), SIGSTOP)
            state.withLock(\.redraw)?()
        default: stop(number)
        }
    }

    private static func stop(_ number: Int32) {
        enum Verdict {
            case told
            case endNow
            case ignored
        }
        let verdict = state.withLock { state -> Verdict in
            guard let stop = state.stop else { return .endNow }
            guard state.wasAsked else {
                state.wasAsked = true
                stop.yield(number)
                return .told
            }
            return number == SIGINT ? .endNow : .ignored
        }
        guard verdict == .endNow else { return }
        Console.standard.restore()
        _exit(ExitStatus(signal: number).rawValue)
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return handlerIsIgnore(action)
    }

    private static func handlerIsIgnore(_ action: sigaction) -> Bool {
        // SIG_IGN is the address 1.
        withUnsafeBytes(of: action.__sigaction_handler) { $0.load(as: UInt.self) == 1 }
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

private final class SignalSet {
    var signals: sigset_t
    init(_ signals: sigset_t) { self.signals = signals }
}

private func wait(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let set = Unmanaged<SignalSet>.fromOpaque(argument).takeRetainedValue()
    while true {
        var number: Int32 = 0
        if sigwait(&set.signals, &number) == 0 { StopSignals.take(number) }
    }
}
