import Discovery
import FoundationEssentials
import Glibc
import Logging
import Units

/// What the seedbox does without being asked: it looks into watch folders, and has hooks and
/// webhooks told of what happens.
actor Automation {
    typealias Add = @Sendable (AddRequest) async throws(SeedboxError) -> Added

    private struct Telling {
        var webhooks: [Webhook]
        var client: WebPost
        var mayBeNear: Bool
    }

    private let version: String
    private let counters: AutomationCounters
    private let logger: Logger
    private let add: Add
    private let base: [String: String]
    private var settings: Settings
    private var hooks: HookRunner
    private var telling: Telling?
    private var watchers: [(settings: Settings.WatchFolder, task: Task<Void, Never>)] = []
    private var isRunning = false

    /// - Parameters:
    ///   - version: of the program, for hooks.
    ///   - environment: what hooks have beside what they are told.
    init(
        _ settings: Settings, version: String, counters: AutomationCounters, logger: Logger,
        environment: [String: String], add: @escaping Add
    ) {
        self.settings = settings
        self.version = version
        self.counters = counters
        self.logger = logger
        self.add = add
        base = environment
        hooks = HookRunner(
            timeMax: settings.hooks.timeLimit, base: environment, counters: counters,
            logger: logger)
    }

    /// Works until there are no more events, or the task is cancelled.
    func run(_ events: AsyncStream<SeedboxEvent>) async {
        isRunning = true
        await start()
        for await event in events { await take(event) }
        await stop()
    }

    /// Takes settings that have changed while it works. What has not changed goes on as it was.
    func change(to settings: Settings) async {
        let old = self.settings
        guard settings != old else { return }
        self.settings = settings
        if settings.hooks.timeLimit != old.hooks.timeLimit {
            hooks = HookRunner(
                timeMax: settings.hooks.timeLimit, base: base, counters: counters, logger: logger)
        }
        if isRunning { await start() }
    }

    // MARK: -

    private func start() async {
        watch()
        await prepareWebhooks()
    }

    private func watch() {
        let wanted = settings.watch.prefix(Limits.watchFoldersMax)
        if wanted.count < settings.watch.count {
            logger.warning("only \(wanted.count) folders are watched")
        }
        for watcher in watchers where !wanted.contains(watcher.settings) { watcher.task.cancel() }
        watchers.removeAll { !wanted.contains($0.settings) }
        for folder in wanted where !watchers.contains(where: { $0.settings == folder }) {
            let service = WatchService(folder, counters: counters, logger: logger, add: add)
            watchers.append((folder, Task { await service.run() }))
        }
    }

    private func prepareWebhooks() async {
        let mayBeNear = settings.network.allowsPrivateURLs
        let old = telling
        guard old?.mayBeNear != mayBeNear || old?.webhooks.map(\.settings) != settings.webhooks
        else { return }
        telling = nil
        if let old { await Self.end(old) }
        guard !settings.webhooks.isEmpty else { return }
        let client = WebPost(mayBeNear: mayBeNear, timeMax: Limits.webhookTimeMax)
        telling = Telling(
            webhooks: settings.webhooks.map {
                Webhook($0, counters: counters, logger: logger, post: client.tell)
            }, client: client, mayBeNear: mayBeNear)
    }

    private func take(_ event: SeedboxEvent) async {
        let command =
            switch event.kind {
            case .added: settings.hooks.added
            case .completed: settings.hooks.completed
            case .seedingDone: settings.hooks.seedingDone
            }
        if !command.isEmpty {
            let facts = HookFacts(event, time: localTimeText(), version: version)
            Task { [hooks] in await hooks.run(command, facts) }
        }
        guard let telling else { return }
        let body = event.row.webhookBody(
            event.kind, time: Int64(Date().timeIntervalSince1970))
        for webhook in telling.webhooks { await webhook.tell(event.kind, body) }
    }

    private func stop() async {
        isRunning = false
        for watcher in watchers { watcher.task.cancel() }
        watchers = []
        if let telling { await Self.end(telling) }
        telling = nil
    }

    private static func end(_ telling: Telling) async {
        for webhook in telling.webhooks { await webhook.stop() }
        await telling.client.shutdown()
    }
}

extension HookFacts {
    init(_ event: SeedboxEvent, time: String, version: String) {
        let row = event.row
        let separator = row.folder.hasSuffix("/") ? "" : "/"
        self.init(
            event.kind, name: row.name, infoHash: "\(row.infoHash)", directory: row.folder,
            path: row.folder + separator + row.name, time: time, version: version)
        bytes = row.content?.length ?? 0
        bytesDownloaded = row.downloaded
        bytesUploaded = row.uploaded
        files = row.content?.fileCount ?? 0
        isPrivate = row.isPrivate
        trackers = row.tracker.map { [$0] } ?? []
        labels = row.labels
        category = row.category
        priority = row.priority
        id = row.id.rawValue
    }
}
