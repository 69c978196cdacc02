import Hashing
import Synchronization

/// The torrents of a session by the names that peers use for them: how an accepted connection
/// finds its torrent from whatever loop it came in on.
final class TorrentDirectory: Sendable {
    private let torrents = Mutex<[SHA1Digest: Torrent]>([:])

    func torrent(named infoHash: SHA1Digest) -> Torrent? {
        torrents.withLock { $0[infoHash] }
    }

    /// False if one of its names is taken.
    func insert(_ torrent: Torrent) -> Bool {
        torrents.withLock { torrents in
            let names = torrent.infoHash.wireForms
            guard names.allSatisfy({ torrents[$0] == nil }) else { return false }
            for name in names { torrents[name] = torrent }
            return true
        }
    }

    /// Makes more names known for a torrent. False if one of them is another torrent's.
    func add(_ names: [SHA1Digest], of torrent: Torrent) -> Bool {
        torrents.withLock { torrents in
            guard names.allSatisfy({ torrents[$0] == nil || torrents[$0] === torrent }) else {
                return false
            }
            for name in names { torrents[name] = torrent }
            return true
        }
    }

    func remove(_ torrent: Torrent) {
        torrents.withLock { torrents in
            for name in torrent.wireNames where torrents[name] === torrent {
                torrents[name] = nil
            }
        }
    }

    var all: [Torrent] {
        torrents.withLock { torrents in
            var seen: Set<ObjectIdentifier> = []
            return torrents.values.filter { seen.insert(ObjectIdentifier($0)).inserted }
        }
    }
}
