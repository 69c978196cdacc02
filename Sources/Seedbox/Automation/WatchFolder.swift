import Units

/// Decides what becomes of the files that are put into a folder which the user has us watch.
///
/// It is told what the folder holds, that something has happened in it, and the time; it says which
/// file to take, and what to do with one that was taken. It reads nothing itself.
///
/// Somebody may still be writing a file that is seen. So it is taken only once it has looked the
/// same for a while; and one of which nothing can be made is looked at again some time later, as a
/// slow copy can pause. Only then is it given up.
struct WatchFolder {
    /// How a file looked.
    struct Sight: Hashable, Sendable {
        /// Bytes.
        var size: Int64
        /// Nanoseconds since 1970.
        var modified: Int64
        var inode: UInt64
    }

    struct Entry: Sendable {
        var name: String
        var sight: Sight
        /// Neither a folder, nor a link, which could lead out of the folder, nor a device.
        var isRegularFile: Bool
    }

    /// What came of a file that was taken.
    enum Verdict: Sendable {
        case added
        /// Nothing can be made of what is in it, for now.
        case refused(reason: String)
        /// It is not there any more, or the seedbox is about to stop.
        case gone
    }

    enum Action: Equatable, Sendable {
        /// Read the file, add what it says, and tell the verdict.
        case take(name: String)
        /// Put it with those that were added.
        case putAway(name: String)
        /// Put it with those that could not be, and the reason beside it.
        case giveUp(name: String, reason: String)
    }

    /// When to look without having been told that something happened.
    enum Watching: Sendable {
        /// The kernel tells; looking is for what it may have missed.
        case events
        /// Nobody tells, as on a network file system.
        case polling(every: Interval)
    }

    fileprivate struct Waiting {
        var sight: Sight
        var since: Instant
        /// Whether nothing could be made of it, this far.
        var wasRefused = false
        var isTaken = false
    }

    var watching: Watching
    private var waiting: [String: Waiting] = [:]
    /// Files that could not be put away, and stay: they are not taken again until they change.
    private var left: [String: Sight] = [:]
    /// When to list the folder next.
    private(set) var nextListing: Instant

    init(_ watching: Watching, now: Instant) {
        self.watching = watching
        nextListing = now
    }

    /// Whether a file of this name is one to take.
    static func isWanted(_ name: String) -> Bool {
        guard !name.hasPrefix("."), name.utf8.count <= Limits.watchedNameBytesMax else {
            return false
        }
        let name = name.lowercased()
        return name.hasSuffix(".torrent") || name.hasSuffix(".magnet")
    }

    /// Something has happened in the folder.
    mutating func changed(now: Instant) {
        nextListing = min(nextListing, now + Limits.watchSettleTime)
    }

    /// The folder was listed.
    mutating func listed(_ entries: [Entry], now: Instant) -> [Action] {
        var present: [String: Sight] = [:]
        for entry in entries where entry.isRegularFile && Self.isWanted(entry.name) {
            guard present.count < Limits.watchedFilesMax else { break }
            present[entry.name] = entry.sight
        }
        waiting = waiting.filter { $0.value.isTaken || present[$0.key] != nil }
        left = left.filter { present[$0.key] == $0.value }

        var actions: [Action] = []
        var turns = Limits.watchedTakenMax - waiting.values.count(where: \.isTaken)
        // By name, so that what comes of a folder does not depend on its file system.
        for (name, sight) in present.sorted(by: { $0.key < $1.key }) where left[name] == nil {
            guard isToTake(name, sight, now: now), turns > 0 else { continue }
            turns -= 1
            waiting[name]?.isTaken = true
            actions.append(.take(name: name))
        }
        scheduleListing(now: now)
        return actions
    }

    /// The folder could not be listed: it may come back.
    mutating func listingFailed(now: Instant) {
        waiting = waiting.filter(\.value.isTaken)
        nextListing = now + Limits.watchRetryTime
    }

    /// What came of a file that was to be taken.
    mutating func took(_ name: String, _ verdict: Verdict, now: Instant) -> [Action] {
        guard var file = waiting[name], file.isTaken else { return [] }
        waiting[name] = nil
        switch verdict {
        case .gone: return []
        case .added:
            left[name] = file.sight
            return [.putAway(name: name)]
        case .refused where now - file.since < Limits.watchPatience:
            (file.isTaken, file.wasRefused) = (false, true)
            waiting[name] = file
            nextListing = min(nextListing, now + Limits.watchStableTime)
            return []
        case .refused(let reason):
            left[name] = file.sight
            return [.giveUp(name: name, reason: reason)]
        }
    }

    /// A file that was put away or given up is out of the folder: another of its name is another.
    mutating func isOut(_ name: String) { left[name] = nil }

    // MARK: -

    /// Whether the file has looked the same for long enough.
    private mutating func isToTake(_ name: String, _ sight: Sight, now: Instant) -> Bool {
        guard let file = waiting[name], file.isTaken || file.sight == sight else {
            waiting[name] = Waiting(sight: sight, since: now)
            return false
        }
        return !file.isTaken && sight.size > 0 && now - file.since >= file.timeNeeded
    }

    private mutating func scheduleListing(now: Instant) {
        let pause =
            switch watching {
            case .events: Limits.watchRelistTime
            case .polling(let interval):
                min(max(interval, Limits.watchPollTimeMin), Limits.watchRelistTime)
            }
        nextListing = now + pause
        // An empty file may stay so for ever; it is seen to change when it is written.
        for file in waiting.values where !file.isTaken && file.sight.size > 0 {
            let due = max(file.since + file.timeNeeded, now + Limits.watchSettleTime)
            nextListing = min(nextListing, due)
        }
    }
}

extension WatchFolder.Waiting {
    /// How long it must look the same before it is taken.
    fileprivate var timeNeeded: Interval {
        wasRefused ? Limits.watchPatience : Limits.watchStableTime
    }
}
