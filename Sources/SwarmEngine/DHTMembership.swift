import Discovery
import Hashing
import Kademlia
import Units

/// The names by which torrents are looked for and announced in the DHT. It does not matter to the
/// DHT whether a torrent is awake, so that neither going to sleep nor waking is a search anew.
actor DHTMembership {
    private let dht: DHTDriver
    private var members: [SHA1Digest: DHTDriver.TorrentID] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { dht.unownedExecutor }

    init(_ dht: DHTDriver) { self.dht = dht }

    /// Joins by that name, or announces something else by it from now on.
    ///
    /// - Parameter found: told of peers on the DHT's event loop. Of a name that has joined already
    ///   the one that was given then is told.
    nonisolated func join(
        _ name: SHA1Digest, announcing announcement: DHTAnnouncement,
        found: @escaping @Sendable ([Endpoint]) -> Void
    ) {
        inOrder { me in
            if let id = me.members[name] {
                return me.dht.assumeIsolated { $0.update(id, announcing: announcement) }
            }
            me.members[name] = me.dht.assumeIsolated {
                $0.join(name, announcing: announcement, found: found)
            }
        }
    }

    /// Ends when the DHT has forgotten the names.
    @discardableResult
    nonisolated func leave(_ names: some Collection<SHA1Digest> & Sendable) -> Task<Void, Never> {
        inOrder { me in
            for name in names {
                guard let id = me.members.removeValue(forKey: name) else { continue }
                me.dht.assumeIsolated { $0.leave(id) }
            }
        }
        // Its turn comes after that.
        return Task { await self.waitForTurn() }
    }

    private func waitForTurn() {}

    /// In the order of the calls, whichever thread they come from.
    private nonisolated func inOrder(
        _ body: @escaping @Sendable (isolated DHTMembership) -> Void
    ) {
        DatagramLoop.shared.execute { self.assumeIsolated { body($0) } }
    }
}
