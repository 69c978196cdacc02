import PeerWire
import SwarmScheduler
import Synchronization
import Transport

/// Why a connection ended before both sides had said hello.
public enum HandshakeFailure: String, CaseIterable, Sendable {
    /// There were too many connections already, from there or from everywhere.
    case refused
    /// It asked for a torrent that is not in this session.
    case unknownTorrent = "unknown_torrent"
    /// What came was no handshake, or none that fits the torrent.
    case notUnderstood = "not_understood"
    case timedOut = "timed_out"
    /// The other side closed it, or the network did.
    case closed

    /// Nil where we ended it for a reason of our own.
    init?(_ closure: ConduitClosure) {
        switch closure {
        case .wire(.handshakeTimeout): self = .timedOut
        case .wire: self = .notUnderstood
        case .lost: self = .closed
        case .ours: return nil
        }
    }
}

/// What happens in a session, counted for all torrents together. For any thread.
final class SessionCounters: Sendable {
    private struct Events {
        var torrents = TorrentCounters()
        var handshakeFailures: [HandshakeFailure: Int64] = [:]
    }

    /// Connections that are being opened now.
    let halfOpen = Atomic<Int>(0)
    /// Of those that there are, the ones that others have opened.
    let incoming = Atomic<Int>(0)
    private let events = Mutex(Events())

    /// What the machines counted, as far as they have been asked.
    var torrents: TorrentCounters { events.withLock { $0.torrents } }
    var handshakeFailures: [HandshakeFailure: Int64] { events.withLock { $0.handshakeFailures } }

    func count(_ failure: HandshakeFailure) {
        events.withLock { $0.handshakeFailures[failure, default: 0] += 1 }
    }

    func add(_ now: TorrentCounters, since before: TorrentCounters) {
        events.withLock { $0.torrents.add(now, since: before) }
    }
}

extension Torrent {
    /// Adds what has been counted since the last time to what the session counts. What only the
    /// machine knows is not counted twice, and costs nothing where it happens.
    func publishCounters() {
        guard let now = machine?.counters ?? seeker?.counters else { return }
        services.counters.add(now, since: publishedCounters)
        publishedCounters = now
    }

    /// The machine goes; the next one counts from nothing.
    func settleCounters() {
        publishCounters()
        publishedCounters = TorrentCounters()
    }
}
