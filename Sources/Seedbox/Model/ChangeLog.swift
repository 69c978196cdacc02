/// In what order torrents changed, the last change of each at least. A change that a later one of
/// the same torrent has made idle stays for a while: idle ones are swept out a few at a time, so
/// that nobody waits for all to be looked at.
struct ChangeLog {
    struct Entry {
        var revision: UInt64
        var id: TorrentID
    }

    /// In their order. While they are swept, what is between `keptCount` and `seenCount` is void.
    private var entries: [Entry] = []
    private var keptCount = 0
    private var seenCount = 0
    private var isSweeping = false

    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// The newest first, idle ones among them, until `body` says that it has enough.
    func forEachBackwards(_ body: (Entry) -> Bool) {
        for index in entries.indices.reversed() where !(keptCount..<seenCount).contains(index) {
            guard body(entries[index]) else { return }
        }
    }

    /// Looks at some, once most of them must be idle.
    ///
    /// - Parameters:
    ///   - rowCount: as many changes are not idle, at most.
    ///   - isLast: whether the change is the last of its torrent.
    mutating func sweepSome(rowCount: Int, isLast: (Entry) -> Bool) {
        if !isSweeping {
            guard entries.count >= 2 * rowCount + Limits.changesSweptAtOnce else { return }
            isSweeping = true
        }
        let end = min(entries.count, seenCount + Limits.changesSweptAtOnce)
        for index in seenCount..<end where isLast(entries[index]) {
            entries[keptCount] = entries[index]
            keptCount += 1
        }
        seenCount = end
        guard seenCount == entries.count else { return }
        entries.removeLast(seenCount - keptCount)
        (keptCount, seenCount, isSweeping) = (0, 0, false)
    }
}
