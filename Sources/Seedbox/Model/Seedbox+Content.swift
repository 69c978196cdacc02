import Dispatch
import Logging
import Metainfo
import Storage
import SwarmEngine

// MARK: - What is done with the content

extension Seedbox {
    /// Believes nothing of what is known of the content, and hashes all of it again. A torrent
    /// that is paused is paused again after it. Returns when that is recorded.
    public func recheck(_ ids: [TorrentID]) async throws(SeedboxError) {
        try expect(ids)
        try await expectDisks(of: ids)
        let ids = await withContent(ids)
        try await holding(ids) { () async throws(SeedboxError) in
            for id in ids where members[id] != nil && catalogue.row(id)?.content != nil {
                try stored { store throws(SessionStoreError) in
                    try store.forgetClaims(of: id.record)
                }
                members[id]?.hasFailed = false
                members[id]?.isToBeChecked = true
                catalogue.update(id) { row in
                    (row.state, row.progress) = (.checking, 0)
                    if row.error?.kind == .local { row.error = nil }
                }
            }
        }
        followQueue()
    }

    /// Those whose content is to be looked at: not those that were complete and have nothing there,
    /// unless their users know that.
    private func withContent(_ ids: [TorrentID]) async -> [TorrentID] {
        var present: [TorrentID] = []
        for id in ids {
            if members[id]?.lacksContent == false, let row = catalogue.row(id), row.isComplete,
                row.bytesWanted > 0, let content = try? content(of: id), await isMissing(content)
            {
                members[id]?.lacksContent = true
                let path = content.folder + "/" + row.name
                fail(id, "\(EngineError.missingContent(path: path))")
            } else {
                members[id]?.lacksContent = false
                present.append(id)
            }
        }
        return present
    }

    /// What is still not there is not believed to be any more, unless its disk is only not mounted.
    /// What is back may be as it was: it is looked at like that of any torrent that starts.
    func fetchAgain(_ ids: [TorrentID]) async throws(SeedboxError) {
        let told = ids.filter { members[$0]?.lacksContent == true }
        guard !told.isEmpty else { return }
        // Who is still closing would record again what is forgotten here.
        try await holding(told) { () async throws(SeedboxError) in
            for id in told {
                if let content = try? content(of: id), await isMissing(content),
                    try await firstWithoutDisk(of: [id]) == nil
                {
                    try stored { store throws(SessionStoreError) in
                        try store.forgetClaims(of: id.record)
                    }
                }
                members[id]?.lacksContent = false
            }
        }
    }

    private func isMissing(_ content: TorrentContent) async -> Bool {
        let result = try? await blocking { () throws(StorageError) in try content.isMissing() }
        return result == true
    }

    /// Nothing is looked for, and then fetched again, where its disk is only not mounted.
    private func expectDisks(of ids: [TorrentID]) async throws(SeedboxError) {
        guard let row = try await firstWithoutDisk(of: ids).flatMap({ catalogue.row($0) }) else {
            return
        }
        throw .diskMissing(row.name, folder: row.folder)
    }

    private func firstWithoutDisk(of ids: [TorrentID]) async throws(SeedboxError) -> TorrentID? {
        let store = store
        return try await blocking { () throws(SessionStoreError) -> TorrentID? in
            for id in ids where try store.isDiskMissing(of: id.record) { return id }
            return nil
        }
    }

    /// Keeps the content in another folder: moved there, or, without `movingData`, taken to be
    /// there already. What stands there is never written over. If it fails, the content is where
    /// it was.
    public func move(
        _ ids: [TorrentID], to folder: String, movingData: Bool
    ) async throws(SeedboxError) {
        try expect(ids)
        let folder = try AllowedRoots(settings).checked(folder)
        let moved = ids.filter { catalogue.row($0)?.folder != folder }
        try await holding(moved) { () async throws(SeedboxError) in
            for id in moved where members[id] != nil {
                if movingData, catalogue.row(id)?.content != nil {
                    do throws(SeedboxError) {
                        try await moveContent(of: id, to: folder)
                    } catch {
                        log.error(
                            "cannot move; the content stays where it was",
                            metadata: [
                                "torrent": "\(id.rawValue)", "to": "\(folder)",
                                "error": "\(error)",
                            ])
                        throw error
                    }
                } else {
                    try stored { store throws(SessionStoreError) in
                        try store.set(folder: folder, of: id.record)
                    }
                }
                catalogue.update(id) { $0.folder = folder }
            }
        }
    }

    private func moveContent(of id: TorrentID, to folder: String) async throws(SeedboxError) {
        let content = try content(of: id)
        catalogue.update(id) { row in (row.state, row.progress) = (.moving, 0) }
        defer { showRest(id) }
        let catalogue = catalogue
        try await blocking { () throws(StorageError) in
            try content.move(to: folder) { progress in
                catalogue.update(id) { row in
                    let total = max(1, progress.total)
                    row.progress = min(1, Double(progress.done) / Double(total))
                }
                return true
            }
        }
    }

    /// Deletes what is a torrent's own on the disk.
    func deleteContent(of id: TorrentID) async throws(SeedboxError) {
        guard catalogue.row(id)?.content != nil else { return }
        let content = try content(of: id)
        _ = try await blocking { () throws(StorageError) in try content.remove() }
    }

    private func content(of id: TorrentID) throws(SeedboxError) -> TorrentContent {
        let (record, metainfo) = try known(id)
        return TorrentContent(metainfo, in: record.folder, store: store, record: id.record)
    }

    /// Does what takes long on a thread that may wait for the disk.
    private func blocking<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(SeedboxError) -> Value {
        let result = await withCheckedContinuation { done in
            DispatchQueue.global().async {
                done.resume(returning: Result { () throws(Failure) in try body() })
            }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error): throw SeedboxError(error)
        }
    }

    /// Renames a file of a torrent, a folder in it or the torrent itself, here and on the disk.
    /// Nothing that stands there is written over. On the disk when this returns.
    ///
    /// - Parameters:
    ///   - path: as `files` tells it, or that of a folder.
    ///   - name: one element of a path.
    public func rename(
        _ id: TorrentID, path: String, to name: String
    ) async throws(SeedboxError) {
        try expect([id])
        try await holding([id]) { () async throws(SeedboxError) in
            guard members[id] != nil else { return }
            let (record, metainfo) = try known(id)
            let content = TorrentContent(
                metainfo, in: record.folder, store: store, record: id.record)
            let renamed = try await blocking { () throws(RenameError) in
                try content.rename(path, to: name)
            }
            // A move that had been interrupted is finished by that, too.
            let folder = try known(id).0.folder
            catalogue.update(id) { row in
                (row.name, row.folder) = (renamed.name(of: metainfo), folder)
            }
        }
    }
}

extension Seedbox {
    /// What a crash interrupted of renaming is finished, whether the torrents are to be active or
    /// not.
    func finishRenamings() async {
        let pending = try? stored { store throws(SessionStoreError) in try store.renamings() }
        for id in pending?.map({ TorrentID($0) }) ?? [] where members[id] != nil {
            do throws(SeedboxError) {
                try await holding([id]) { () async throws(SeedboxError) in
                    try await finishRenaming(of: id)
                }
            } catch {
                say(error)
            }
        }
    }

    private func finishRenaming(of id: TorrentID) async throws(SeedboxError) {
        let (record, metainfo) = try known(id)
        let content = TorrentContent(metainfo, in: record.folder, store: store, record: id.record)
        try await blocking { () throws(StorageError) in try content.finishRenaming() }
        let renamed = try stored { store throws(SessionStoreError) in
            try store.renamedPaths(of: id.record)
        }
        catalogue.update(id) { $0.name = renamed.name(of: metainfo) }
    }
}

extension SeedboxError {
    fileprivate init(_ error: any Error) {
        switch error as? RenameError {
        case .noSuchPath, .badName, .notRemembered:
            self = .badValue(field: "name", reason: "\(error)")
        case .taken(let name): self = .exists(name)
        case .storage, nil: self = .storage("\(error)")
        }
    }
}
