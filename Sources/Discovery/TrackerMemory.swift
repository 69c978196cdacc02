public import Tracker
import Transport
public import Units

/// What a `TrackerDriver` knows while nothing is under way: a thousand times as many of these can
/// be kept as of drivers, and what was announced goes on where it was.
public struct TrackerMemory: Sendable {
    let schedule: TrackerSchedule
    let identity: TrackerDriver.Identity

    /// When an announce is due; nil if none will be.
    public var nextAnnounce: Instant? { schedule.nextDeadline()?.0 }

    /// Most torrents have one.
    public var firstTracker: TrackerURL? { schedule.firstTracker }

    /// Whether a tracker knows of us, and has to be told when we leave.
    public var isKnown: Bool { schedule.isKnown }

    /// Those who fetch, as far as trackers know; nil if none says.
    public var leechers: Int? { schedule.status.compactMap(\.counts.leechers).max() }

    public func snapshot() -> TrackerDriver.Snapshot {
        TrackerDriver.Snapshot(trackers: schedule.status, now: MonotonicClock.now)
    }
}
