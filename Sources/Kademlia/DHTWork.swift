import Hashing
import Units

/// A piece of work under way: what is looked for, how far that is, and what it has given so far.
struct DHTWork: Sendable {
    enum Goal: Sendable {
        /// Only the nearest nodes.
        case nodes
        /// The same, for our own table.
        case selfLookup
        case refresh
        case peers(PeerSearch)
        case item(ItemSearch)
        /// What the nodes near the target hold (BEP 51).
        case samples
        /// One node, by its address.
        case ping
    }

    struct PeerSearch: Sendable {
        var announcement: DHTAnnouncement?
        var noSeeds = false
        /// Set if a scrape is asked for (BEP 33).
        var filters: ScrapeFilters?
    }

    struct ItemSearch: Sendable {
        var salt: [UInt8] = []
        /// Whether it is known, without an item, that the item is a signed one.
        var isMutable: Bool
        /// What is to be stored.
        var item: DHTItem?
        /// The number that it replaces.
        var expected: Int64?
        /// The newest that was found.
        var found: DHTItem?
        /// Nodes that had any value.
        var holders: [NodeContact] = []
    }

    /// A permission to store at a node.
    struct Grant: Sendable {
        let contact: NodeContact
        let token: [UInt8]
    }

    let id: WorkID
    let family: AddressFamily
    var goal: Goal
    var lookup: Lookup
    var grants: [Grant] = []
    var result = DHTResult()
    /// Set while what is to be stored is on its way: until when to wait.
    var storingUntil: Instant?
    var storesWaiting = 0
    /// Set for a ping: until when to wait.
    var pingingUntil: Instant?

    var storesSomething: Bool {
        switch goal {
        case .peers(let search): search.announcement != nil
        case .item(let search): search.item != nil
        case .nodes, .selfLookup, .refresh, .samples, .ping: false
        }
    }

    /// Whether what was looked for is there, so that the nearest nodes do not matter: an immutable
    /// value is right or is not.
    var isSatisfied: Bool {
        guard case .item(let search) = goal else { return false }
        return !search.isMutable && search.item == nil && search.found != nil
    }

    /// Whether its owner is not told of it, as the node gave it to itself.
    var isOurs: Bool {
        switch goal {
        case .selfLookup, .refresh: true
        case .nodes, .peers, .item, .samples, .ping: false
        }
    }

    func nextDeadline() -> Instant { storingUntil ?? pingingUntil ?? lookup.nextDeadline() }
}
