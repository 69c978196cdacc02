import Hashing
import PeerWire
import Storage
import Synchronization
import Transport

/// The torrents of a session by the names that peers use for them: how an accepted connection
/// finds its torrent from whatever loop it came in on.
final class TorrentDirectory: Sendable {
    /// Who answers to a name.
    enum Holder: Sendable {
        case torrent(Torrent)
        case dormant(TorrentRecord.ID)
    }

    /// Where a connection goes that has named a torrent.
    enum Way: Sendable {
        case torrent(Torrent)
        /// Into the waiting room until this seed is awake.
        case waitingRoom(TorrentRecord.ID)
        /// There is nobody of that name, or no room.
        case out
    }

    /// A connection that waits for a torrent to wake.
    struct Waiting: Sendable {
        let record: TorrentRecord.ID
        let conduit: PeerConduit
        let handshake: Handshake
    }

    private struct State {
        var holders: [SHA1Digest: Holder] = [:]
        var waiting: [UInt64: Waiting] = [:]
    }

    private let state = Mutex(State())

    func holder(of infoHash: SHA1Digest) -> Holder? { state.withLock { $0.holders[infoHash] } }

    // MARK: Torrents

    /// False if one of its names is taken. It may take the place of the seed that it was while it
    /// was dormant.
    func insert(_ torrent: Torrent) -> Bool {
        state.withLock { state in
            let names = torrent.infoHash.wireForms
            let isFree = names.allSatisfy { name in
                switch state.holders[name] {
                case nil: true
                case .dormant(let record): record == torrent.record
                case .torrent: false
                }
            }
            guard isFree else { return false }
            for name in names { state.holders[name] = .torrent(torrent) }
            return true
        }
    }

    /// Makes more names known for a torrent. False if one of them is another torrent's.
    func add(_ names: [SHA1Digest], of torrent: Torrent) -> Bool {
        state.withLock { state in
            let isFree = names.allSatisfy { name in
                state.holders[name].map { $0.isTorrent(torrent) } ?? true
            }
            guard isFree else { return false }
            for name in names { state.holders[name] = .torrent(torrent) }
            return true
        }
    }

    func remove(_ torrent: Torrent) {
        let names = torrent.wireNames
        state.withLock { state in
            for name in names where state.holders[name]?.isTorrent(torrent) == true {
                state.holders[name] = nil
            }
        }
    }

    /// Those that are awake.
    var all: [Torrent] {
        state.withLock { state in
            var seen: Set<ObjectIdentifier> = []
            return state.holders.values.compactMap { holder in
                guard case .torrent(let torrent) = holder,
                    seen.insert(ObjectIdentifier(torrent)).inserted
                else { return nil }
                return torrent
            }
        }
    }

    // MARK: Dormant seeds

    /// False if one of its names is another's than that of `torrent`, which falls asleep.
    func insert(_ seed: DormantSeed, inPlaceOf torrent: Torrent? = nil) -> Bool {
        state.withLock { state in
            let names = seed.infoHash.wireForms
            let isFree = names.allSatisfy { name in
                guard let holder = state.holders[name] else { return true }
                return torrent.map { holder.isTorrent($0) } ?? false
            }
            guard isFree else { return false }
            for name in names { state.holders[name] = .dormant(seed.record) }
            return true
        }
    }

    /// - Returns: those that have waited for it in vain.
    func remove(_ seed: DormantSeed) -> [Waiting] {
        state.withLock { state in
            for name in seed.infoHash.wireForms {
                guard case .dormant(seed.record) = state.holders[name] else { continue }
                state.holders[name] = nil
            }
        }
        return takeWaiting(for: seed.record)
    }

    // MARK: The waiting room

    /// Shows a connection the way. Who has to wait is in the waiting room when this returns.
    func way(of conduit: PeerConduit, _ handshake: Handshake) -> Way {
        state.withLock { state in
            switch state.holders[handshake.infoHash] {
            case nil: return .out
            case .torrent(let torrent): return .torrent(torrent)
            case .dormant(let record):
                let here = state.waiting.values.count { $0.record == record }
                guard state.waiting.count < Limits.strangersMax, here < Limits.waitingPeersMax
                else { return .out }
                state.waiting[conduit.id] = Waiting(
                    record: record, conduit: conduit, handshake: handshake)
                return .waitingRoom(record)
            }
        }
    }

    func takeWaiting(for record: TorrentRecord.ID) -> [Waiting] {
        state.withLock { state in
            let taken = state.waiting.values.filter { $0.record == record }
            for one in taken { state.waiting[one.conduit.id] = nil }
            return taken.sorted { $0.conduit.id < $1.conduit.id }
        }
    }

    /// The connection has ended.
    func leaveWaitingRoom(_ id: UInt64) {
        _ = state.withLock { $0.waiting.removeValue(forKey: id) }
    }
}

extension TorrentDirectory.Holder {
    fileprivate func isTorrent(_ torrent: Torrent) -> Bool {
        guard case .torrent(let holder) = self else { return false }
        return holder === torrent
    }
}
