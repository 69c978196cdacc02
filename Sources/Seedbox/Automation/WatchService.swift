import Logging
import NIOPosix
import Units

/// Watches one folder, and adds what is put there.
actor WatchService {
    typealias Add = @Sendable (AddRequest) async throws(SeedboxError) -> Added

    private let settings: Settings.WatchFolder
    private let add: Add
    private let counters: AutomationCounters
    private let logger: Logger
    private let threads: NIOThreadPool
    private var directory: WatchedDirectory?
    private var events: FolderEvents?
    /// Whether it was said that the folder is not there; said once, not at each look.
    private var isMissing = false

    init(
        _ settings: Settings.WatchFolder, counters: AutomationCounters, logger: Logger,
        threads: NIOThreadPool = .singleton, add: @escaping Add
    ) {
        self.settings = settings
        self.add = add
        self.counters = counters
        self.threads = threads
        var logger = logger
        logger[metadataKey: "folder"] = "\(settings.folder)"
        self.logger = logger
    }

    /// Returns when the task is cancelled.
    func run() async {
        let (wakes, sender) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var folder = WatchFolder(.polling(every: settings.interval), now: .now)
        sender.yield()
        var timer: Task<Void, Never>?
        defer { timer?.cancel() }
        for await _ in wakes {
            if events?.takeNews() == true { folder.changed(now: .now) }
            if Instant.now >= folder.nextListing { await look(&folder, sender) }
            timer?.cancel()
            let pause = max(folder.nextListing - .now, .milliseconds(1))
            timer = Task {
                try? await Task.sleep(for: .nanoseconds(pause.nanoseconds))
                if !Task.isCancelled { sender.yield() }
            }
        }
        events = nil
        directory = nil
    }

    // MARK: - A look

    private func look(
        _ folder: inout WatchFolder, _ sender: AsyncStream<Void>.Continuation
    ) async {
        do {
            let (directory, entries) = try await open()
            watch(directory, &folder, sender)
            if isMissing { logger.notice("the watch folder is there again") }
            isMissing = false
            for action in folder.listed(entries, now: .now) {
                await carryOut(action, in: directory, &folder)
            }
        } catch {
            if !isMissing {
                logger.warning("the watch folder cannot be read: \(error)")
            }
            isMissing = true
            (directory, events) = (nil, nil)
            folder.listingFailed(now: .now)
        }
    }

    /// Opens the folder by its name each time: what was there before may be below a mount now.
    private func open() async throws -> (WatchedDirectory, [WatchFolder.Entry]) {
        let path = settings.folder
        return try await threads.runIfActive {
            let directory = try WatchedDirectory(path)
            return (directory, try directory.list())
        }
    }

    private func watch(
        _ directory: WatchedDirectory, _ folder: inout WatchFolder,
        _ sender: AsyncStream<Void>.Continuation
    ) {
        let isSame = self.directory.map { $0.identity == directory.identity } ?? false
        self.directory = directory
        guard !isSame || events == nil else { return }
        events = nil
        if directory.tellsEvents {
            events = FolderEvents(path: settings.folder) { sender.yield() }
            // What came between the listing and the watching was told by neither.
            sender.yield()
        }
        folder.watching = events == nil ? .polling(every: settings.interval) : .events
        let manner = events == nil ? "by looking" : "by events"
        logger.info("watching a folder", metadata: ["manner": "\(manner)"])
    }

    private func carryOut(
        _ action: WatchFolder.Action, in directory: WatchedDirectory, _ folder: inout WatchFolder
    ) async {
        switch action {
        case .take(let name):
            let verdict = await take(name, in: directory)
            for next in folder.took(name, verdict, now: .now) {
                await carryOut(next, in: directory, &folder)
            }
        case .putAway(let name):
            count(name, "added")
            await putAway(name, in: directory, &folder, to: WatchedDirectory.addedFolder) { _ in }
        case .giveUp(let name, let reason):
            count(name, "failed")
            logger.warning(
                "a watched file cannot be added", metadata: ["file": "\(name)", "why": "\(reason)"])
            let text = reason.cut(toBytes: Limits.watchReasonBytesMax) + "\n"
            let failed = WatchedDirectory.failedFolder
            await putAway(name, in: directory, &folder, to: failed) { name in
                try directory.write(text, to: "\(name).reason", in: failed)
            }
        }
    }

    private func putAway(
        _ name: String, in directory: WatchedDirectory, _ folder: inout WatchFolder,
        to place: String, _ after: @escaping @Sendable (String) throws -> Void
    ) async {
        do {
            try await threads.runIfActive { try after(try directory.move(name, to: place)) }
            folder.isOut(name)
        } catch {
            logger.warning(
                "a watched file stays where it is, and is not added again",
                metadata: ["file": "\(name)", "why": "\(error)"])
        }
    }

    private func count(_ name: String, _ result: String) {
        counters.count(.watchedFiles, Self.isMagnet(name) ? "magnet" : "torrent", result)
    }

    // MARK: - A file

    private func take(_ name: String, in directory: WatchedDirectory) async -> WatchFolder.Verdict {
        let source: AddRequest.Source
        do {
            source = try await threads.runIfActive { try Self.source(name, in: directory) }
        } catch WatchedDirectory.Fault.system(_, let code) where code == ENOENT {
            return .gone
        } catch {
            return .refused(reason: "\(error)")
        }
        var request = AddRequest(source)
        request.category = settings.category
        request.labels = settings.labels
        request.startsPaused = settings.startsPaused
        request.folder = settings.downloadFolder
        do throws(SeedboxError) {
            let added = try await add(request)
            logger.info(
                "added a watched file",
                metadata: [
                    "file": "\(name)", "torrent": "\(added.id.rawValue)",
                    "new": "\(added.isNew)",
                ])
            return .added
        } catch {
            return error == .stopping ? .gone : .refused(reason: "\(error)")
        }
    }

    private static func isMagnet(_ name: String) -> Bool {
        name.lowercased().hasSuffix(".magnet")
    }

    private static func source(
        _ name: String, in directory: WatchedDirectory
    ) throws -> AddRequest.Source {
        guard isMagnet(name) else {
            return .manifest(
                try directory.read(name, bytesMax: Limits.watchedTorrentBytesMax))
        }
        let bytes = try directory.read(name, bytesMax: Limits.watchedMagnetBytesMax)
        return .link(link(in: String(decoding: bytes, as: UTF8.self)))
    }

    /// The first line that says anything.
    static func link(in text: String) -> String {
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
            if let end = words.lastIndex(where: { !$0.isWhitespace }) {
                return String(words[...end])
            }
        }
        return ""
    }
}
