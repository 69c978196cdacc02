import ArgumentParser
import JSONText
import Synchronization
import Terminal
import Units

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Watch what the torrents of the daemon do.",
        discussion: "On a terminal a list on the whole screen: q leaves, arrows choose a torrent, "
            + "p pauses or resumes it, s and r change the order, f what is shown. Anything else "
            + "gets a line every few seconds, or with --json an object.")

    @Option(
        help: ArgumentHelp(
            "How long to wait before looking again; 1s on a terminal and 5s elsewhere unless "
                + "given.", valueName: "duration"),
        transform: parseInterval)
    var interval: Interval?

    @Option(help: ArgumentHelp("Leave after having looked so often.", valueName: "n"))
    var count: Int?

    @OptionGroup(title: "Which torrents")
    var filter: FilterOptions

    @OptionGroup(title: "The order")
    var order: OrderOptions

    @OptionGroup
    var options: RemoteOptions

    private static let intervalMin = Interval.milliseconds(100)

    func validate() throws {
        if let interval, interval < Self.intervalMin {
            throw ValidationError("look again after 100ms or more")
        }
        if let count, count < 1 { throw ValidationError("look at least once") }
    }

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        if console.traits.isOutputTerminal, console.traits.progress == .live {
            try watch(daemon, console)
        } else {
            try write(daemon, console)
        }
    }

    // MARK: - Lines

    private func write(_ daemon: Daemon, _ console: Console) throws {
        var list = RemoteList()
        var next = monotonicNow()
        for look in 1... {
            list.take(try daemon.changes(since: list.revision))
            let torrents = order.sorted(list.torrents.filter(filter.filter.admits))
            let sums = TorrentSums(torrents)
            if options.json {
                try console.print(sums.json(torrents.filter(TorrentFilter.State.active.admits)))
            } else {
                try console.print(sums.line(isUnicode: false))
            }
            if look == count { return }
            next = next + (interval ?? .seconds(5))
            wait(until: next)
        }
    }

    // MARK: - The screen

    private func watch(_ daemon: Daemon, _ console: Console) throws {
        let screen = SharedScreen(
            TopScreen(
                place: "\(daemon.client.place)", filter: filter.filter, order: order.sort,
                isReversed: order.reverse))
        var list = RemoteList()
        // What is wrong at the beginning is no screen's matter.
        list.take(try daemon.changes(since: 0))
        var hasKeys = KeyInput.begin()
        defer { console.restore() }
        StopSignals.onRedraw {
            _ = KeyInput.begin()
            screen.draw(on: console)
        }
        for look in 1... {
            screen.update { $0.take(list.torrents) }
            screen.draw(on: console)
            if look == count { return }
            let deadline = monotonicNow() + (interval ?? .seconds(1))
            while hasKeys, monotonicNow() < deadline {
                guard let keys = KeyInput.keys(until: deadline) else {
                    hasKeys = false
                    break
                }
                if try press(keys, screen, daemon) { return }
                if !keys.isEmpty { screen.draw(on: console) }
            }
            wait(until: deadline)
            do throws(Failure) {
                list.take(try daemon.changes(since: list.revision))
                screen.update { $0.message = nil }
            } catch {
                screen.update { $0.message = error.message }
            }
        }
    }

    /// - Returns: whether to leave.
    private func press(_ keys: [Key], _ screen: SharedScreen, _ daemon: Daemon) throws -> Bool {
        for key in keys {
            do throws(Failure) {
                switch screen.update({ $0.press(key) }) {
                case .quit: return true
                case .pause(let id): try daemon.act("pause", onIDs: [id])
                case .resume(let id): try daemon.act("start", onIDs: [id])
                case nil: break
                }
            } catch {
                screen.update { $0.message = error.message }
            }
        }
        return false
    }
}

/// The screen, which a thread that hears of a changed size draws too.
private final class SharedScreen: Sendable {
    private let screen: Mutex<TopScreen>

    init(_ screen: TopScreen) { self.screen = Mutex(screen) }

    @discardableResult
    func update<Result: Sendable>(_ body: (inout sending TopScreen) -> Result) -> Result {
        screen.withLock { body(&$0) }
    }

    func draw(on console: Console) {
        screen.withLock { screen in console.drawWhole { screen.lines(in: $0) } }
    }
}

extension TorrentSums {
    /// With those that do something.
    func json(_ active: [RemoteTorrent]) -> JSON {
        [
            "torrents": .count(count), "downloading": .count(downloading),
            "seeding": .count(seeding), "troubled": .count(troubled), "peers": .count(peers),
            "downloadRate": .integer(downloadRate), "uploadRate": .integer(uploadRate),
            "active": .array(active.map(\.json)),
        ]
    }
}
