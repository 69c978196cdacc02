import JSONText
import Synchronization
import Terminal
import Units

/// How far a piece of work on one torrent's bytes is: hashing, checking.
struct WorkProgress: Equatable, Sendable {
    /// `hashing`.
    var verb: String
    var name: String
    var bytesDone: Int64
    var bytesTotal: Int64
    var elapsed: Interval

    /// The rate since the beginning; zero in the first moments, when it would say nothing.
    var rate: ByteRate {
        guard elapsed > .milliseconds(200) else { return .zero }
        return ByteRate(bytesPerSecond: Int64(Double(bytesDone) / elapsed.seconds))
    }

    private var timeLeft: Interval? {
        let left = rate.time(for: max(0, bytesTotal - bytesDone))
        return bytesDone < bytesTotal ? left : nil
    }

    /// Two lines: what is done, and the bar.
    func lines(in room: LiveBlock) -> [StyledLine] {
        let columns = max(1, room.width - 1)
        let ellipsis: Character = room.isUnicode ? "…" : "~"
        var title = StyledLine("\(verb) ")
        title.append(terminalSafe(name), .bold)
        var tail = " " + padded(left: percentText(bytesDone, of: bytesTotal), to: 6)
        tail += "  " + padded(left: sizeText(bytesDone), to: 8) + " of " + sizeText(bytesTotal)
        tail += "  " + padded(left: rateText(rate), to: 10)
        if let timeLeft { tail += "  \(intervalText(timeLeft)) left" }
        let width = min(40, columns - max(tail.columns, 52))
        var bar = StyledLine()
        if width >= 8 {
            bar = Bar.line(bytesDone, of: bytesTotal, width: width, isUnicode: room.isUnicode)
        }
        bar.append(width >= 8 ? tail : String(tail.dropFirst()))
        return [title, bar].map { $0.clipped(to: columns, ellipsis: ellipsis) }
    }

    /// The same in a line for a pipe.
    var line: String {
        let percent = percentText(bytesDone, of: bytesTotal)
        var text = "\(terminalSafe(name)): \(verb) \(percent) of \(sizeText(bytesTotal))"
        text += ", \(rateText(rate))"
        if let timeLeft { text += ", \(intervalText(timeLeft)) left" }
        return text
    }

    var json: JSON {
        [
            "event": .string(verb), "name": .string(name), "bytes_done": .integer(bytesDone),
            "bytes_total": .integer(bytesTotal),
        ]
    }
}

/// Shows the progress of one piece of work, as often as is good for where it is shown. For use
/// by any thread.
final class WorkReport: Sendable {
    private struct State {
        var nextLine: Instant
        var nextDraw: Instant
    }

    private let verb: String
    private let name: String
    private let start: Instant
    private let console: Console
    /// Whether `--json` is a stream of events here rather than one object.
    private let streamsEvents: Bool
    private let state: Mutex<State>

    init(verb: String, name: String, console: Console = .standard, streamsEvents: Bool = false) {
        let now = monotonicNow()
        self.verb = verb
        self.name = name
        self.start = now
        self.console = console
        self.streamsEvents = streamsEvents
        self.state = Mutex(State(nextLine: now + Cadence.line, nextDraw: now + Cadence.firstDraw))
    }

    func update(bytesDone: Int64, bytesTotal: Int64) {
        let now = monotonicNow()
        let progress = WorkProgress(
            verb: verb, name: name, bytesDone: bytesDone, bytesTotal: bytesTotal,
            elapsed: now - start)
        switch console.traits.progress {
        case .none: break
        case .live:
            if isDue(now, \.nextDraw, every: Cadence.draw) {
                console.draw { progress.lines(in: $0) }
            }
        case .lines:
            if isDue(now, \.nextLine, every: Cadence.line) { console.remark(progress.line) }
        case .json:
            if streamsEvents, isDue(now, \.nextLine, every: Cadence.event) {
                // Who no longer reads progress may still want the work done.
                try? console.print(progress.json)
            }
        }
    }

    func finish() { console.clear() }

    private func isDue(
        _ now: Instant, _ time: WritableKeyPath<State, Instant>, every: Interval
    ) -> Bool {
        state.withLock { state in
            guard now >= state[keyPath: time] else { return false }
            state[keyPath: time] = now + every
            return true
        }
    }
}

/// How often progress is shown.
enum Cadence {
    /// Work that ends sooner shows no block, which would only flicker.
    static let firstDraw = Interval.milliseconds(300)
    static let draw = Interval.milliseconds(100)
    static let line = Interval.seconds(5)
    static let event = Interval.seconds(1)
}
