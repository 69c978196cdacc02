import JSONText

/// The arguments of an answer with details of torrents, written while they are sent.
struct TorrentParts: AsyncSequence, Sendable {
    typealias Element = [UInt8]
    typealias Failure = Never

    let seedbox: Seedbox
    let ids: [TorrentID]
    let fields: TorrentFields
    let defaults: TorrentDefaults
    let removed: [TorrentID]?
    let hidesSecrets: Bool

    func makeAsyncIterator() -> Iterator { Iterator(parts: self) }

    struct Iterator: AsyncIteratorProtocol {
        let parts: TorrentParts
        private var out = JSONWriter()
        private var next = 0
        private var hasEnded = false

        init(parts: TorrentParts) {
            self.parts = parts
            parts.fields.begin(removed: parts.removed, into: &out)
        }

        mutating func next(isolation actor: isolated (any Actor)?) async -> [UInt8]? {
            guard !hasEnded else { return nil }
            while next < parts.ids.count, out.count < Limits.rpcPartBytesMax {
                let id = parts.ids[next]
                next += 1
                // One that was removed meanwhile is passed over.
                guard let row = parts.seedbox.catalogue.row(id) else { continue }
                var details = await parts.seedbox.details(of: id, parts.fields.needs)
                if parts.hidesSecrets { details.hideSecrets() }
                let view = TorrentView(defaults: parts.defaults, details: details)
                parts.fields.write(row, view, into: &out)
            }
            if next == parts.ids.count {
                parts.fields.end(into: &out)
                hasEnded = true
            }
            return out.takeBytes()
        }
    }
}

/// Parts with something before and after them.
struct EnclosedParts<Parts: AsyncSequence & Sendable>: AsyncSequence, Sendable
where Parts.Element == [UInt8], Parts.Failure == Never {
    typealias Element = [UInt8]
    typealias Failure = Never

    let prefix: [UInt8]
    let parts: Parts
    let suffix: [UInt8]

    func makeAsyncIterator() -> Iterator {
        Iterator(prefix: prefix, parts: parts.makeAsyncIterator(), suffix: suffix)
    }

    struct Iterator: AsyncIteratorProtocol {
        var prefix: [UInt8]?
        var parts: Parts.AsyncIterator
        var suffix: [UInt8]?

        mutating func next(isolation actor: isolated (any Actor)?) async -> [UInt8]? {
            let prefix = prefix.take() ?? []
            if let part = await parts.next(isolation: actor) {
                return prefix.isEmpty ? part : prefix + part
            }
            return prefix.isEmpty ? suffix.take() : prefix
        }
    }
}

extension Seedbox {
    /// What a torrent cannot tell, as it is not known yet or has just gone, is left out.
    nonisolated func details(of id: TorrentID, _ needs: TorrentNeeds) async -> FetchedDetails {
        guard !needs.isEmpty else { return FetchedDetails() }
        // Not on the thread that answers: they may have to be read, for thousands one by one.
        return await withTaskExecutorPreference(globalConcurrentExecutor) {
            await fetchedDetails(of: id, needs)
        }
    }

    private nonisolated func fetchedDetails(
        of id: TorrentID, _ needs: TorrentNeeds
    ) async -> FetchedDetails {
        var details = FetchedDetails()
        if needs.contains(.about), let about = try? await about(of: id) {
            details.comment = about.comment ?? ""
            details.creator = about.creator ?? ""
            details.created = about.created ?? 0
        }
        if needs.contains(.files) { details.files = (try? await files(of: id)) ?? [] }
        if needs.contains(.peers) { details.peers = (try? await peers(of: id)) ?? [] }
        if needs.contains(.trackers) { details.trackers = (try? await trackers(of: id)) ?? [] }
        if needs.contains(.pieces) { details.pieces = try? await pieces(of: id) }
        if needs.contains(.magnet) { details.magnet = (try? await magnet(of: id)) ?? "" }
        return details
    }
}
