import Foundation
import Hashing
import Logging
import Metainfo
import Storage
import Units

/// What the session store knows of a torrent that is named by a link.
struct Remembered: Sendable {
    /// With what earlier links to it knew.
    var link: MagnetLink
    /// Complete: with all hashes that a `.torrent` needs.
    var metainfo: Metainfo?
}

/// The torrents of earlier runs. Everything here waits for the disk, so that it is not for event
/// loops; and all of it does nothing in a session that remembers nothing.
extension Services {
    /// Finds the torrent of the link, or else remembers the link until its metadata is there.
    func remember(
        _ link: MagnetLink, _ request: TorrentRequest
    ) throws(EngineError) -> Remembered {
        try withStore(otherwise: Remembered(link: link)) { store throws(SessionStoreError) in
            var remembered = Remembered(link: link)
            for known in try store.torrents(matching: link.infoHash) {
                if remembered.metainfo == nil {
                    remembered.metainfo = known.metainfo.flatMap {
                        Self.metainfo($0, of: link, isToBeWhole: request.wantsMetadataOnly)
                    }
                }
                if known.folder == request.directory, let text = known.link,
                    let earlier = try? MagnetLink(text)
                {
                    remembered.link = remembered.link.merging(earlier)
                }
            }
            guard remembered.metainfo == nil, !request.wantsMetadataOnly else {
                return remembered
            }
            _ = try store.add(
                link.infoHash, name: request.name, folder: request.directory,
                link: remembered.link.text, now: Self.now)
            return remembered
        }
    }

    /// What was kept may be damaged, or lack hashes that a `.torrent` has.
    private static func metainfo(
        _ bytes: [UInt8], of link: MagnetLink, isToBeWhole: Bool
    ) -> Metainfo? {
        guard let metainfo = try? isToBeWhole ? Metainfo(bytes) : Metainfo(kept: bytes),
            link.infoHash.names(metainfo.infoHash)
        else { return nil }
        return metainfo
    }

    /// The torrent's place in the session store; nil if the session remembers nothing.
    func record(
        _ metainfo: Metainfo, _ request: TorrentRequest, selection: Set<FileIndex>?
    ) throws(EngineError) -> TorrentRecord.ID? {
        if let record = request.record {
            guard case .magnet = request.source else { return record }
            // It stays the same torrent, whatever name its metadata tells.
            try withStore(otherwise: ()) { store throws(SessionStoreError) in
                try store.learn(
                    metainfo.encoded(), infoHash: metainfo.infoHash, name: metainfo.name,
                    wantedFiles: selection.map(Array.init), of: record)
            }
            return record
        }
        let folder = request.wantsMetadataOnly ? "" : request.directory
        return try withStore(otherwise: nil) { store throws(SessionStoreError) in
            let record = try store.add(
                metainfo.infoHash, name: metainfo.name, folder: folder,
                metainfo: metainfo.encoded(), wantedFiles: selection.map(Array.init),
                now: Self.now)
            // A link may have known it by another of its names.
            for other in try store.torrents(matching: request.infoHash)
            where other.id != record.id && other.folder == folder && other.metainfo == nil {
                try store.remove(other.id)
            }
            return record.id
        }
    }

    /// What earlier runs counted.
    func totals(of record: TorrentRecord.ID?) throws(EngineError) -> TorrentTotals {
        guard let record else { return TorrentTotals() }
        return try withStore(otherwise: TorrentTotals()) { store throws(SessionStoreError) in
            try store.totals(of: record) ?? TorrentTotals()
        }
    }

    /// Peers of earlier runs; those that the user names now are kept for the next one. It is not
    /// worth a failure: there are other ways to find peers.
    func peers(of record: TorrentRecord.ID?, naming named: [Endpoint]) -> [Endpoint] {
        guard let store, let record else { return [] }
        do throws(SessionStoreError) {
            let known = try store.peers(of: record)
            if !named.allSatisfy(known.contains) { try store.add(peers: named, of: record) }
            return known
        } catch {
            configuration.logger.warning("peers not known", metadata: ["error": "\(error)"])
            return []
        }
    }

    /// Whether the content was on its way to another folder or other names when the last run
    /// ended; gives the folder that it will be in.
    func pendingMove(of request: TorrentRequest) throws(EngineError) -> String? {
        guard let record = request.record else { return nil }
        return try withStore(otherwise: nil) { store throws(SessionStoreError) in
            if let target = try store.moveTarget(of: record) { return target }
            return try store.isRenaming(record) ? request.directory : nil
        }
    }

    /// What users call the files and folders of the torrent.
    func renamedPaths(of record: TorrentRecord.ID?) throws(EngineError) -> RenamedPaths {
        guard let record else { return RenamedPaths() }
        return try withStore(otherwise: RenamedPaths()) { store throws(SessionStoreError) in
            try store.renamedPaths(of: record)
        }
    }

    /// The same where it is only to be shown.
    func renamedPaths(of request: TorrentRequest) -> RenamedPaths {
        (try? renamedPaths(of: request.record)) ?? RenamedPaths()
    }

    /// Notes where the content is from now on.
    func recordFolder(
        _ folder: String, of record: TorrentRecord.ID?
    ) async throws(EngineError) {
        guard let record else { return }
        try await storing { store throws(SessionStoreError) in
            try store.set(folder: folder, of: record)
        }
    }

    /// Writes down what was counted. It is not worth a failure: the next time it is more.
    func save(totals: [TorrentRecord.ID: TorrentTotals]) {
        guard let store, !totals.isEmpty else { return }
        do throws(SessionStoreError) {
            try store.set(totals: totals.mapValues { ($0.uploaded, $0.downloaded) })
        } catch {
            configuration.logger.warning("totals not saved", metadata: ["error": "\(error)"])
        }
    }

    /// Keeps peers for the next run, which is not worth a failure either.
    func save(peers: [TorrentRecord.ID: [Endpoint]]) {
        guard let store, !peers.isEmpty else { return }
        do throws(SessionStoreError) {
            try store.set(peers: peers)
        } catch {
            configuration.logger.warning("peers not saved", metadata: ["error": "\(error)"])
        }
    }

    /// Notes that all that was wanted has come.
    func saveCompleted(_ record: TorrentRecord.ID?, at time: Int64) {
        guard let store, let record else { return }
        do throws(SessionStoreError) {
            try store.set(completed: time, of: record)
        } catch {
            configuration.logger.warning("completion not saved", metadata: ["error": "\(error)"])
        }
    }

    /// Notes which files are wanted.
    func recordSelection(
        _ wanted: Set<FileIndex>?, of record: TorrentRecord.ID?
    ) async throws(EngineError) {
        guard let record else { return }
        try await storing { store throws(SessionStoreError) in
            try store.set(wantedFiles: wanted.map(Array.init), of: record)
        }
    }

    private func storing(
        _ body: @escaping @Sendable (SessionStore) throws(SessionStoreError) -> Void
    ) async throws(EngineError) {
        guard store != nil else { return }
        let result = await onStartup { () -> Result<Void, EngineError> in
            Result { () throws(EngineError) in try self.withStore(otherwise: (), body) }
        }
        try (result ?? .failure(.stopped)).get()
    }

    /// Does what waits for the disk; nil when the session has stopped.
    func onStartup<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value? {
        await withCheckedContinuation { done in
            let isTaken = startup.run(.sync) { done.resume(returning: body()) }
            if !isTaken { done.resume(returning: nil) }
        }
    }

    func withStore<Value>(
        otherwise none: Value, _ body: (SessionStore) throws(SessionStoreError) -> Value
    ) throws(EngineError) -> Value {
        guard let store else { return none }
        do throws(SessionStoreError) {
            return try body(store)
        } catch {
            throw EngineError(error, store: store.path)
        }
    }

    static var now: Int64 { Int64(Date().timeIntervalSince1970) }
}
