import Glibc
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization
public import Units

/// A seedbox that runs as a service: the model, what it does by itself, and the ways to speak to
/// it, begun in this order and ended in the other.
public final class SeedboxDaemon: Sendable {
    /// Where it can be spoken to.
    public struct Place: Hashable, Sendable {
        /// The page; nil if there is no TCP.
        public var page: String?
        public var socket: String?
    }

    private let sources: SettingsSources
    private let started: Settings
    private let output: LogOutput
    private let logger: Logger
    private let seedbox: Seedbox
    private let authority: Authority
    private let server: HTTPServer
    /// Where it is spoken to but for the page, and what keeps other daemons from there.
    private let socket: String?
    private let usualSocket: UsualSocket?
    private let automation: AutomationService
    private let manager: NotifySocket?
    private let peers: [Endpoint]

    /// Takes the state folder, and loads what is in it.
    ///
    /// - Parameters:
    ///   - sources: Where `loaded` came from; they are read again when that is asked for.
    ///   - peers: Those that every torrent is told of.
    public init(
        _ loaded: LoadedSettings, from sources: SettingsSources, peers: [Endpoint] = [],
        output: LogOutput
    ) async throws {
        self.sources = sources
        self.peers = peers
        self.output = output
        started = try loaded.withSecrets()
        output.apply(started)
        logger = output.logger("swarm")
        manager = NotifySocket(sources.environment)
        if let mask = started.storage.umask { _ = umask(mode_t(mask)) }
        raiseFileLimit(logger)
        authority = try Authority(started.api, logger: logger)
        seedbox = try await Seedbox(started, logger: logger)
        output.apply(seedbox.settings)
        await Self.tellOfHidden(loaded, by: seedbox, logger)
        var door = started.api
        usualSocket = Self.usualSocket(loaded, logger)
        if !loaded.isSaid("api.socket"), usualSocket == nil { door.socket = nil }
        socket = door.socket
        let counters = AutomationCounters()
        automation = AutomationService(
            seedbox, counters: counters, environment: Self.forOthers(sources.environment),
            logger: logger)
        server = HTTPServer(
            routes: Route.all(of: seedbox, counters: counters, logs: output),
            settings: door, authority: authority, logger: logger)
    }

    /// The place that nobody has named, if it can be had: who has not asked for it can do without.
    private static func usualSocket(_ loaded: LoadedSettings, _ logger: Logger) -> UsualSocket? {
        guard !loaded.isSaid("api.socket"), let path = loaded.settings.api.socket else {
            return nil
        }
        do throws(SeedboxError) { return try UsualSocket(taking: path) } catch {
            logger.notice(
                "there is no socket for this daemon",
                metadata: ["socket": "\(path)", "why": "\(error)"])
            return nil
        }
    }

    /// What programs that are started may know: neither secrets, nor how to speak for the daemon.
    static func forOthers(_ environment: [String: String]) -> [String: String] {
        let own = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY"]
        return environment.filter { !$0.key.hasPrefix("SWARM_") && !own.contains($0.key) }
    }

    /// Runs until a signal comes, or something that it consists of fails.
    ///
    /// - Returns: The signal.
    public func run(
        until stops: AsyncStream<Int32>, reloadAt hangUps: AsyncStream<Void>,
        onReady: @escaping @Sendable (Place) -> Void
    ) async throws -> Int32? {
        let group = ServiceGroup(configuration: configuration(onReady))
        let ending = Mutex<Int32?>(nil)
        let stopping = Task {
            for await signal in stops {
                ending.withLock { $0 = signal }
                logger.notice("stopping")
                manager?.stopping()
                let deadline = ContinuousClock.now + .seconds(Limits.shutdownSeconds)
                await group.triggerGracefulShutdown()
                // Some may still wait for what the model does for them; it must have its time.
                try? await Task.sleep(for: Limits.answersTimeMax)
                await seedbox.shutdown(by: deadline)
            }
        }
        let reloading = Task {
            for await _ in hangUps { await reload() }
        }
        defer {
            stopping.cancel()
            reloading.cancel()
        }
        try await group.run()
        return ending.withLock(\.self)
    }

    /// The last to begin is the first to end.
    private func configuration(
        _ onReady: @escaping @Sendable (Place) -> Void
    ) -> ServiceGroupConfiguration {
        let services: [any Service] = [
            ModelService(seedbox: seedbox), automation,
            Heartbeat(seedbox: seedbox, manager: manager, output: output), SpareMemory(),
            KnownPeers(seedbox: seedbox, peers: peers, logger: logger),
            FrontDoor(server: server, place: started.api.listen) { self.isReady(onReady) },
        ]
        return ServiceGroupConfiguration(
            services: services.map { service in
                // What fails takes the others down in good order: the state must be saved.
                ServiceGroupConfiguration.ServiceConfiguration(
                    service: service, failureTerminationBehavior: .gracefullyShutdownGroup)
            }, logger: logger)
    }

    /// The page and the socket can be spoken to from now on.
    private func isReady(_ onReady: (Place) -> Void) {
        manager?.ready(Heartbeat.text(seedbox))
        var place = Place()
        if let listen = started.api.listen {
            let port = server.boundPorts.first ?? Int(listen.port)
            let host = listen.host.contains(":") ? "[\(listen.host)]" : listen.host
            place.page = "http://\(host):\(port)\(started.api.basePath)/"
        }
        place.socket = socket
        onReady(place)
    }

    /// Writes into the log how things are; for any thread that may wait some seconds.
    public func tellState() { StateReport(seedbox: seedbox, logger: logger).tell() }

    // MARK: - Settings that change

    /// Reads the settings anew. What is wrong with them is logged, and those that were go on.
    private func reload() async {
        manager?.reloading()
        do {
            let loaded = try sources.load()
            let fresh = try reloaded(loaded)
            // All that may fail comes first, so that it leaves everything as it was.
            let secrets = try Authority.secrets(of: fresh.api, logger: logger)
            try await seedbox.reload(fresh)
            authority.take(secrets)
            server.reload(fresh.api)
            output.apply(seedbox.settings)
            logger.notice("the settings were read again")
            await Self.tellOfHidden(loaded, by: seedbox, logger)
        } catch {
            logger.error(
                "the settings were not taken", metadata: ["why": "\(error)"])
        }
        manager?.ready(Heartbeat.text(seedbox))
    }

    /// Who writes the file and sees nothing happen has to learn why.
    private static func tellOfHidden(
        _ loaded: LoadedSettings, by seedbox: Seedbox, _ logger: Logger
    ) async {
        for hidden in loaded.restoring(await seedbox.changes).loaded.hidden {
            logger.warning(
                "a setting does not hold, as it was changed at run time",
                metadata: [
                    "setting": "\(hidden.name)", "said-in": "\(hidden.origin)",
                    "undo": "swarm config unset \(Doctor.quoted(hidden.name))",
                ])
        }
    }

    /// The settings as they are now, but for those that only a new start can change.
    private func reloaded(_ loaded: LoadedSettings) throws(SettingsError) -> Settings {
        var fresh = try loaded.withSecrets()
        for key in SettingKey.all where key.reach == .start {
            let value = key.field.write(started, false)
            guard key.field.write(fresh, false) != value else { continue }
            logger.warning(
                "a setting takes effect with the next start",
                metadata: ["setting": "\(key.name)"])
            do throws(SettingFault) { try key.field.read(value, &fresh) } catch {
                throw SettingsError(place: key.name, reason: error.reason)
            }
        }
        return fresh
    }
}

/// Ends the model when everything that speaks to it has ended.
private struct ModelService: Service {
    let seedbox: Seedbox

    func run() async throws {
        try? await gracefulShutdown()
        await seedbox.shutdown()
    }
}

/// Speaks HTTP, and says when it does.
private struct FrontDoor: Service {
    let server: HTTPServer
    let place: HostPort?
    let isListening: @Sendable () -> Void

    func run() async throws {
        do {
            try await server.run { isListening() }
        } catch let error as IOError {
            let subject = place.map { "\($0)" } ?? "the socket"
            let reason = String(cString: strerror(error.errnoCode)).lowercased()
            throw SeedboxError.storage("\(subject): cannot be listened at: \(reason)")
        }
    }
}

/// Tells the service manager now and then how things are, as long as the model answers; and lets
/// the log follow settings that are changed at run time.
private struct Heartbeat: Service {
    let seedbox: Seedbox
    let manager: NotifySocket?
    let output: LogOutput

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: period)
                await beat()
            }
        }
    }

    /// Twice as often as the manager wants to hear.
    private var period: Duration {
        let asked = manager?.watchdogMicroseconds.map { Duration.microseconds($0 / 2) }
        return min(asked ?? Limits.heartbeat, Limits.heartbeat)
    }

    private func beat() async {
        // A model that hangs must not be called alive.
        _ = await seedbox.isStopping
        manager?.alive()
        manager?.status(Self.text(seedbox))
        output.apply(seedbox.settings)
    }

    static func text(_ seedbox: Seedbox) -> String {
        let now = seedbox.statistics
        return "\(seedbox.catalogue.count) torrents, \(now.peers) peers, "
            + "\(sizeText(now.downloadRate))/s down, \(sizeText(now.uploadRate))/s up"
    }
}
