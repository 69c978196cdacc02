import Hashing
import Storage
import SwarmScheduler
import Synchronization
import Transport
import Units

/// The dormant seeds of a session, for any thread: who wants one of them is heard here.
final class Sleepers: Sendable {
    let table = Mutex(SleeperTable())
    private let directory: TorrentDirectory
    private let listener = Mutex<(@Sendable (TorrentRecord.ID, DormantEvent) -> Void)?>(nil)

    init(_ directory: TorrentDirectory) { self.directory = directory }

    func listen(_ listener: @escaping @Sendable (TorrentRecord.ID, DormantEvent) -> Void) {
        self.listener.withLock { $0 = listener }
    }

    func tell(_ event: DormantEvent, _ record: TorrentRecord.ID) {
        listener.withLock(\.self)?(record, event)
    }

    /// Somebody waits for the seed.
    func want(_ record: TorrentRecord.ID) {
        if table.withLock({ $0.want(record) }) { tell(.wanted, record) }
    }

    /// Peers of a torrent, whether it is awake or not.
    func found(
        _ peers: [Endpoint], by name: SHA1Digest, _ origin: PeerOrigins,
        from source: Endpoint? = nil
    ) {
        switch directory.holder(of: name) {
        case nil: break
        case .torrent(let torrent): torrent.found(peers, origin, from: source)
        case .dormant(let record):
            let found = NamedSources(peers: peers, origin: origin, source: source)
            let ending = table.withLock {
                $0.found(found, for: record, now: MonotonicClock.now)
            }
            if ending == .wanted { tell(.wanted, record) }
        }
    }
}
