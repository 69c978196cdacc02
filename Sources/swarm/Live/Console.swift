import Glibc
import JSONText
import Synchronization
import Terminal

/// The process's standard output and standard error. Text that is written while a live block
/// stands on the terminal goes above it. For use by any thread.
final class Console: Sendable {
    static let standard = Console()

    private struct State {
        var traits = TerminalTraits(
            outputHasColour: false, errorHasColour: false, isUnicode: false, progress: .none)
        var options = GlobalOptions.Choices()
        var screen = LiveScreen()
        var isOutputClosed = false
    }

    private let state = Mutex(State())

    /// Settles, once, how everything is written.
    func configure(_ options: GlobalOptions.Choices, environment: [String: String]) {
        let traits = TerminalTraits.detect(
            options: options, environment: environment,
            outputIsTerminal: isatty(STDOUT_FILENO) == 1,
            errorIsTerminal: isatty(STDERR_FILENO) == 1)
        state.withLock {
            $0.options = options
            $0.traits = traits
        }
    }

    var traits: TerminalTraits { state.withLock(\.traits) }
    var options: GlobalOptions.Choices { state.withLock(\.options) }

    // MARK: - Results

    /// Writes lines of results to standard output.
    func print(_ lines: [StyledLine]) throws(Failure) {
        let hasColour = traits.outputHasColour
        let text = lines.map { $0.rendered(withColour: hasColour) + "\n" }.joined()
        try print(bytes: Array(text.utf8))
    }

    /// Writes results that are not text.
    func print(bytes: [UInt8]) throws(Failure) {
        let failure = state.withLock { state -> Failure? in
            guard !state.isOutputClosed else { return nil }
            eraseBlock(&state)
            let code = writeAll(bytes, to: STDOUT_FILENO)
            // Who reads has seen enough: not a failure, and nothing more need be written.
            if code == EPIPE { state.isOutputClosed = true }
            guard code != 0, code != EPIPE else { return nil }
            return Failure(.unwritable, "standard output", errno: code)
        }
        if let failure { throw failure }
    }

    func print(_ line: StyledLine) throws(Failure) { try print([line]) }
    func print(_ text: String) throws(Failure) { try print([StyledLine(text)]) }
    func print(_ value: JSON) throws(Failure) { try print([StyledLine(value.text)]) }

    // MARK: - Remarks

    /// Writes a line to standard error, unless only errors are wanted.
    func remark(_ line: StyledLine) {
        guard !options.isQuiet else { return }
        writeError(line)
    }

    func remark(_ text: String) { remark(StyledLine(terminalSafe(text))) }

    /// Writes a warning to standard error, even if only errors are wanted: it names a mistake.
    func warn(_ text: String) {
        var line = StyledLine("swarm: ")
        line.append("warning: ", .warning)
        line.append(terminalSafe(text))
        writeError(line)
    }

    func report(_ failure: Failure) {
        writeError(StyledLine(options.json ? failure.json.text : failure.line(from: "swarm")))
    }

    func writeError(_ line: StyledLine) {
        state.withLock { state in
            eraseBlock(&state)
            _ = writeAll(
                line.rendered(withColour: state.traits.errorHasColour) + "\n", to: STDERR_FILENO)
        }
    }

    // MARK: - The live block

    /// Redraws the block, with lines made for the terminal's size.
    func draw(_ lines: (LiveBlock) -> [StyledLine]) {
        state.withLock { state in
            guard state.traits.progress == .live else { return }
            let size = terminalSize()
            let room = LiveBlock(
                width: size.width, height: size.height, isUnicode: state.traits.isUnicode)
            let text = state.screen.draw(
                lines(room), width: size.width, withColour: state.traits.errorHasColour)
            _ = writeAll(text, to: STDERR_FILENO)
        }
    }

    /// Redraws the whole screen of the terminal at standard error.
    func drawWhole(_ lines: (LiveBlock) -> [StyledLine]) {
        state.withLock { state in
            let size = terminalSize()
            let room = LiveBlock(
                width: size.width, height: size.height, isUnicode: state.traits.isUnicode)
            let text = state.screen.drawWhole(
                lines(room), withColour: state.traits.errorHasColour)
            _ = writeAll(text, to: STDERR_FILENO)
        }
    }

    /// Takes the block away and gives the cursor back.
    func clear() {
        state.withLock { state in
            eraseBlock(&state)
            _ = writeAll(state.screen.finish(), to: STDERR_FILENO)
        }
    }

    /// Leaves the block as it stands and gives the cursor back. Before the process ends or stops.
    func restore() {
        state.withLock { state in
            _ = writeAll(state.screen.finish(), to: STDERR_FILENO)
        }
        KeyInput.restore()
    }

    private func eraseBlock(_ state: inout State) {
        guard state.traits.progress == .live else { return }
        let text = state.screen.erase(width: terminalSize().width)
        if !text.isEmpty { _ = writeAll(text, to: STDERR_FILENO) }
    }
}

/// The streams that may be a terminal.
enum TerminalStream {
    case output
    case error

    var descriptor: Int32 { self == .output ? STDOUT_FILENO : STDERR_FILENO }
}

/// The size of the terminal at the stream, or 80 by 24.
func terminalSize(of stream: TerminalStream = .error) -> (width: Int, height: Int) {
    var size = winsize()
    guard ioctl(stream.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
    else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
}
