public import Metainfo
import Synchronization
public import Units

/// Why a torrent's files could not be opened.
public enum OpeningError: Error, Sendable, CustomStringConvertible {
    case storage(StorageError)
    case store(SessionStoreError)
    /// A hybrid torrent's v1 and v2 hashes contradict each other at this piece (BEP 52).
    case inconsistent(PieceIndex)
    case cancelled

    public var description: String {
        switch self {
        case .storage(let error): "\(error)"
        case .store(let error): "\(error)"
        case .inconsistent(let piece):
            "\(piece): the torrent's v1 and v2 hashes contradict each other"
        case .cancelled: "cancelled"
        }
    }
}

/// Finds out what there is of a torrent: looks at its files, believes of the last run what it may,
/// hashes the rest, and then gives the `TorrentStorage`.
public final class TorrentOpening: Sendable {
    public struct Options: Sendable {
        /// Whether content that was complete and is not there at all is an error, and not fetched
        /// again.
        public var missesContent = false
        /// What is known of the content.
        public enum Content: Sendable {
            /// What the session store says, and else nothing.
            case asRecorded
            /// Nothing: all that there is is hashed, and a folder that is another one than before
            /// is taken for the torrent's.
            case checkAll
            /// This process has just made the torrent from these files.
            case hashedJustNow
        }

        /// The save folder.
        public var folder: String
        /// The torrent in the session store, if there is one.
        public var record: TorrentRecord.ID?
        /// The files that are wanted; `nil` for all.
        public var wanted: Set<FileIndex>?
        /// Makes the save folder. Only for a torrent that was never there.
        public var createsFolder = false
        public var content = Content.asRecorded
        public var allocation = FileStore.Allocation.sparse
        var medium: Medium?
        var pace = ResumeJournal.Pace()

        public init(folder: String, record: TorrentRecord.ID? = nil) {
            self.folder = folder
            self.record = record
        }
    }

    public typealias Completion = @Sendable (Result<TorrentStorage, OpeningError>) -> Void

    private struct State {
        var checker: ContentChecker?
        var isCancelled = false
    }

    private let metainfo: Metainfo
    private let options: Options
    private let resources: TorrentStorage.Resources
    private let progress: @Sendable (ContentChecker.Progress) -> Void
    private let events: @Sendable (TorrentStorage.Event) -> Void
    private let completion: Completion
    private let state = Mutex(State())

    /// Opens, off the caller's thread.
    ///
    /// - Parameters:
    ///   - progress: of hashing, if there is something to hash. On a lane's thread.
    ///   - events: of the storage, from then on. On a lane's thread.
    ///   - completion: called once, on a lane's thread.
    @discardableResult
    public static func open(
        _ metainfo: Metainfo, _ options: Options, resources: TorrentStorage.Resources,
        progress: @escaping @Sendable (ContentChecker.Progress) -> Void = { _ in },
        events: @escaping @Sendable (TorrentStorage.Event) -> Void = { _ in },
        completion: @escaping Completion
    ) -> TorrentOpening {
        let opening = TorrentOpening(metainfo, options, resources, progress, events, completion)
        if !resources.pool.run(.sync, { opening.look() }) { completion(.failure(.cancelled)) }
        return opening
    }

    private init(
        _ metainfo: Metainfo, _ options: Options, _ resources: TorrentStorage.Resources,
        _ progress: @escaping @Sendable (ContentChecker.Progress) -> Void,
        _ events: @escaping @Sendable (TorrentStorage.Event) -> Void,
        _ completion: @escaping Completion
    ) {
        self.metainfo = metainfo
        self.options = options
        self.resources = resources
        self.progress = progress
        self.events = events
        self.completion = completion
    }

    /// Ends it soon, with `.cancelled`.
    public func cancel() {
        let checker = state.withLock { state in
            state.isCancelled = true
            return state.checker
        }
        checker?.cancel()
    }

    // MARK: - Steps

    private struct Found: Sendable {
        let files: FileStore
        let entries: [FoundFile]
        var resumption: Resumption
    }

    private func look() {
        do throws(OpeningError) {
            let found = try survey()
            guard !found.resumption.toCheck.isEmpty else {
                let none = Bitfield(count: metainfo.layout.pieceCount)
                return finish(found, good: none, bad: none)
            }
            check(found)
        } catch {
            completion(.failure(error))
        }
    }

    private func survey() throws(OpeningError) -> Found {
        let none = Bitfield(count: metainfo.layout.pieceCount)
        var claims = Claims(recorded: none)
        var folder: FolderIdentity?
        var renamed = RenamedPaths()
        if let store = resources.store, let id = options.record {
            do throws(SessionStoreError) {
                renamed = try store.renamedPaths(of: id)
                if let known = try store.claims(of: id, pieceCount: none.count) {
                    (claims, folder) = known
                }
            } catch {
                throw .store(error)
            }
        }
        do throws(StorageError) {
            let files = try FileStore(
                metainfo, in: options.folder, wanted: options.wanted, renamed: renamed,
                creatingFolder: mayCreateFolder(known: folder),
                allocation: options.allocation, openFiles: resources.openFiles,
                medium: options.medium ?? resources.counters.medium,
                counters: resources.counters)
            let entries = try files.survey()
            var resumption = try files.resume(from: entries, claims: claims)
            try refuseOtherVolume(files, entries, claims, folder)
            try refuseMissingContent(files, entries, claims)
            switch options.content {
            case .asRecorded: break
            case .checkAll:
                resumption.trusted = none
                resumption.toCheck = resumption.present
            case .hashedJustNow:
                guard files.areAllFinal(entries) else { break }
                resumption.toCheck = none
                resumption.isWhole = true
            }
            try record(claims, resumption, files)
            return Found(files: files, entries: entries, resumption: resumption)
        } catch {
            throw .storage(error)
        }
    }

    /// A folder that has gone is made again where it was removed, not where its disk is missing.
    private func mayCreateFolder(known: FolderIdentity?) -> Bool {
        guard options.createsFolder else { return false }
        return known.map { $0.device == DiskPools.device(of: options.folder) } ?? true
    }

    /// Another folder than the one that was recorded, with nothing in it of what should be there,
    /// may be the mount point of a disk that is not mounted. To check all is to say that it is not.
    private func refuseOtherVolume(
        _ files: FileStore, _ entries: [FoundFile], _ claims: Claims, _ folder: FolderIdentity?
    ) throws(StorageError) {
        guard case .asRecorded = options.content, let folder, !claims.recorded.isEmpty,
            folder.mayBeUnmounted(
                now: FolderIdentity(device: files.root.device, inode: files.root.inode)),
            !entries.contains(where: \.exists)
        else { return }
        throw StorageError(.missingVolume, path: files.folder)
    }

    private func refuseMissingContent(
        _ files: FileStore, _ entries: [FoundFile], _ claims: Claims
    ) throws(StorageError) {
        let wanted = files.wantedPieces
        guard options.missesContent, case .asRecorded = options.content, wanted.setCount > 0,
            wanted.setCount(without: claims.recorded) == 0, !entries.contains(where: \.exists)
        else { return }
        throw files.missingContent
    }

    /// From here on files may be written, so the last run's claims are cut down to what was
    /// believed, and the next run may not take this one for ended in order.
    private func record(
        _ claims: Claims, _ resumption: Resumption, _ files: FileStore
    ) throws(StorageError) {
        guard let store = resources.store, let id = options.record else { return }
        let mayWrite = claims.endedInOrder && !resumption.trusted.isFull
        guard mayWrite || resumption.trusted != claims.recorded else { return }
        var pending = claims.tail
        claims.recorded.forEach { piece in
            if resumption.toCheck.contains(piece) { pending.append(piece) }
        }
        let folder = FolderIdentity(device: files.root.device, inode: files.root.inode)
        let tail = pending
        // What is gone may come back, and is then looked at as if it were new.
        var forgotten = resumption.missingFiles.map(\.rawValue)
        if case .checkAll = options.content { forgotten = Array(claims.files.keys) }
        do throws(SessionStoreError) {
            try store.record(
                resumption.trusted, files: [:], forgotten: forgotten, ended: false,
                folder: folder, of: id
            ) { tail }
        } catch {
            throw StorageError(.other, path: store.path)
        }
    }

    private func check(_ found: Found) {
        let checker = ContentChecker.check(
            found.resumption.toCheck, of: metainfo, files: found.files, pool: resources.pool,
            progress: progress
        ) { [self] result in
            state.withLock { $0.checker = nil }
            if let piece = result.inconsistent.first {
                return completion(.failure(.inconsistent(piece)))
            }
            guard !result.isCancelled else { return completion(.failure(.cancelled)) }
            finish(found, good: result.good, bad: result.bad)
        }
        let isCancelled = state.withLock { state in
            state.checker = checker
            return state.isCancelled
        }
        if isCancelled { checker.cancel() }
    }

    private func finish(_ found: Found, good: Bitfield, bad: Bitfield) {
        var had = found.resumption.trusted
        good.forEach { had.insert($0) }
        if found.resumption.isWhole { had.setAll() }
        do throws(StorageError) {
            try found.files.adopt(
                good: had, bad: bad, own: found.resumption.ownFiles, found: found.entries)
        } catch {
            return completion(.failure(.storage(error)))
        }
        let storage = TorrentStorage(
            metainfo, files: found.files, resources: resources, id: options.record,
            durable: found.resumption.trusted, had: had, pace: options.pace, events: events)
        completion(.success(storage))
    }
}
