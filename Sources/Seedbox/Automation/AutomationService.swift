public import Logging
public import ServiceLifecycle
import Units

/// Watch folders, hooks and webhooks of a seedbox, and what is said of its disks, for as long as
/// the program runs.
public struct AutomationService: Service {
    private let seedbox: Seedbox
    private let automation: Automation
    private let logger: Logger

    /// - Parameters:
    ///   - counters: what metrics tell of it.
    ///   - environment: what hooks have beside what they are told.
    public init(
        _ seedbox: Seedbox, counters: AutomationCounters, environment: [String: String],
        logger: Logger
    ) {
        self.seedbox = seedbox
        self.logger = logger
        automation = Automation(
            seedbox.settings, version: programVersion, counters: counters, logger: logger,
            environment: environment
        ) { request throws(SeedboxError) in try await seedbox.add(request) }
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await automation.run(seedbox.events()) }
                group.addTask { await followSettings() }
                group.addTask { await noticeStorage() }
            }
        }
    }

    /// Settings tell nobody that they have changed; to look costs next to nothing.
    private func followSettings() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: .nanoseconds(Limits.settingsLookTime.nanoseconds))
            await automation.change(to: seedbox.settings)
        }
    }

    /// Says once what becomes of disks.
    private func noticeStorage() async {
        let catalogue = seedbox.catalogue
        var notices = StorageNotices()
        var revision: UInt64 = 0
        while !Task.isCancelled {
            let changes = catalogue.changes(since: revision)
            revision = changes.revision
            var rows = changes.changed
            if !changes.isComplete {
                // All rows, of which few are in trouble.
                rows = catalogue.withRows { rows in
                    rows.filter { StorageNotices.Trouble($0.state) != nil }
                }
                notices = StorageNotices(keeping: notices)
            }
            for removed in changes.removed { notices.removed(removed.id) }
            for notice in rows.compactMap({ notices.changed($0) }) { say(notice) }
            for notice in notices.notices(now: .now) { say(notice) }
            try? await Task.sleep(for: .nanoseconds(Limits.storageLookTime.nanoseconds))
        }
    }

    private func say(_ notice: StorageNotices.Notice) {
        var metadata: Logger.Metadata = ["folder": "\(notice.folder)"]
        if notice.isOver {
            logger.notice("\(notice.text)", metadata: metadata)
        } else {
            metadata["torrents"] = "\(notice.torrents)"
            logger.warning("\(notice.text)", metadata: metadata)
        }
    }
}
