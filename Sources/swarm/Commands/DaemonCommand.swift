import ArgumentParser
import Dispatch
import FoundationEssentials
import Glibc
import JSONText
import Seedbox
import Terminal
import Units

struct DaemonCommand: AsyncParsableCommand, TakesSettings {
    static let configuration = CommandConfiguration(
        commandName: "daemon",
        abstract: "Run the seedbox: many torrents, for months, driven by a page and by programs.",
        discussion: """
            Stays in the foreground. SIGHUP makes it read its settings again, SIGUSR1 write into \
            its log how things are; SIGTERM and SIGINT end it within ten seconds, with trackers \
            told and everything saved.
            See config show for all settings and their values.
            """)

    @Option(
        help: ArgumentHelp("A peer for all downloads to dial; repeatable.", valueName: "host:port"),
        transform: HostPort.init(_:))
    var peer: [HostPort] = []

    @OptionGroup(title: "Settings") var settings: SettingsOptions
    @OptionGroup(title: "Output") var global: GlobalOptions

    func run() async throws {
        let console = global.configuredConsole()
        let environment = ProcessInfo.processInfo.environment
        let stops = StopSignals.graceful { Self.endInTime() }
        let hangUps = StopSignals.hangUps()
        var sources = settings.sources(global.places, environment)
        if global.verbose > 0 {
            let level = global.verbose > 1 ? "trace" : "debug"
            sources.options.append(.init("--verbose", sets: "log.level", to: [level]))
        } else if global.quiet {
            sources.options.append(.init("--quiet", sets: "log.level", to: ["warning"]))
        }
        do {
            let loaded = try sources.load()
            let output = LogOutput(
                loaded.settings.log, isJournal: LogOutput.isJournal(environment)
            ) { line in
                _ = writeAll(line, to: STDERR_FILENO)
            }
            let daemon = try await SeedboxDaemon(
                loaded, from: sources, peers: await peers(console), output: output)
            StopSignals.onReport { daemon.tellState() }
            let signal = try await daemon.run(until: stops, reloadAt: hangUps) { place in
                Self.announce(place, on: console)
            }
            if let signal { throw EarlyEnd(status: ExitStatus(signal: signal)) }
        } catch let error as SettingsError {
            throw Failure(error)
        } catch let error as SeedboxError {
            if case .badValue = error { throw Failure(.badConfiguration, nil, "\(error)") }
            throw Failure(.failed, nil, "\(error)")
        }
    }

    /// Those of the peers that are known. A daemon that starts with the machine starts without the
    /// others.
    private func peers(_ console: Console) async -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for place in peer {
            do throws(Failure) { endpoints += try await Resolver.endpoints(of: place) } catch {
                console.warn("--peer: \(error.message)")
            }
        }
        return endpoints
    }

    /// The service manager and containers kill what takes longer than this. It needs nothing that
    /// may hang: no task, and nobody who reads what is logged.
    private static func endInTime() {
        let deadline = DispatchTime.now() + .milliseconds(Limits.stopMillisecondsMax)
        DispatchQueue(label: "end").asyncAfter(deadline: deadline) {
            var place = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            if poll(&place, 1, 0) == 1 {
                let text = "swarm: not all could be saved in time\n"
                _ = write(STDERR_FILENO, text, text.utf8.count)
            }
            _exit(ExitStatus.failed.rawValue)
        }
    }

    private static func announce(_ place: SeedboxDaemon.Place, on console: Console) {
        if console.options.json {
            try? console.print([
                "event": "ready", "page": .optional(place.page),
                "socket": .optional(place.socket),
            ])
            return
        }
        if let page = place.page { try? console.print("the page is at \(page)") }
        if let socket = place.socket { try? console.print("the socket is \(terminalSafe(socket))") }
    }
}
