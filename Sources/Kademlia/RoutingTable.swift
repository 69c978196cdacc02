public import Units

/// The nodes that one address family of a node knows, more of them the nearer they are (BEP 5,
/// "Routing Table"). Only what answered a query of ours is in it.
///
/// There is a bucket for each length of the prefix that is shared with our own id, up to 160 of
/// them, so a bucket is never split. The entries lie in one array, bucket after bucket: a table
/// of 130 nodes is 6 KiB, and the nearest to a target are found without looking at others.
public struct RoutingTable: Sendable {
    /// What became of a node that answered.
    public enum Outcome: Hashable, Sendable {
        case known
        case inserted
        /// It took the place of this one.
        case replaced(NodeContact)
        /// Its bucket is full of good nodes; it waits for a place.
        case kept
        /// Its address or its network has its place already, or it is no node that may be here.
        case refused
    }

    /// Our own id, which the buckets are measured from.
    public private(set) var id: NodeID
    private let rootCapacity: Int
    var acceptsLocalAddresses: Bool

    /// Ordered by bucket; within a bucket by id.
    private(set) var entries: [Entry] = []
    /// The first 64 bits of the id of each entry.
    private var prefixes: [UInt64] = []
    /// Where each bucket begins, and after the last one where it ends.
    private var starts: [UInt16] = [0]
    /// Nodes whose ids agree with their addresses.
    private var secureCount = 0
    /// Nodes that answered while their bucket was full, the newest last.
    private var spares: [Entry] = []

    /// A table around `id`. The bucket of nodes that share nothing with it holds `rootCapacity`
    /// nodes, the next half as many, and so on, but none fewer than 8.
    public init(id: NodeID, rootCapacity: Int, acceptsLocalAddresses: Bool) {
        self.id = id
        self.rootCapacity = min(max(rootCapacity, Limits.bucketSize), Limits.rootCapacityMax)
        self.acceptsLocalAddresses = acceptsLocalAddresses
    }

    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }

    /// How many nodes there are that answered when they were last asked.
    public var goodCount: Int { entries.count { $0.isGood } }

    /// The nodes that wait for a place.
    public var spareCount: Int { spares.count }

    /// Every node, those that share the least with our id first.
    public var contacts: [NodeContact] { entries.map(\.contact) }

    /// How many nodes of a bucket, which is the count of bits that they share with our id.
    public func count(inBucket bucket: Int) -> Int { range(of: bucket).count }

    public func capacity(ofBucket bucket: Int) -> Int {
        max(Limits.bucketSize, bucket < 16 ? rootCapacity >> bucket : 0)
    }

    // MARK: What happens to nodes

    /// Takes in a node that answered a query of ours. `isSecure` says that its id agrees with its
    /// address (BEP 42): such a node is put in place of one whose id does not, never the reverse.
    @discardableResult
    public mutating func answered(
        _ contact: NodeContact, roundTrip: Interval?, isSecure: Bool, now: Instant
    ) -> Outcome {
        guard accepts(contact) else { return .refused }
        let bucket = bucket(of: contact.id)
        if let place = place(of: contact, in: bucket) {
            entries[place].answered(roundTrip: roundTrip, now: now)
            return .known
        }
        if let place = entries.firstIndex(where: { $0.sharesIdentity(with: contact) }) {
            // One of the two is not what it says: an id that moves, or an address with many ids.
            guard !entries[place].isGood else { return .refused }
            remove(at: place)
        }
        guard hasQuota(for: contact.endpoint, in: bucket) else { return .refused }
        let entry = Entry(contact, roundTrip: roundTrip, isSecure: isSecure, now: now)
        if count(inBucket: bucket) < capacity(ofBucket: bucket) {
            insert(entry, in: bucket)
            return .inserted
        }
        guard let place = replaceable(in: bucket, for: entry) else {
            keep(entry)
            return .kept
        }
        let old = entries[place].contact
        remove(at: place)
        insert(entry, in: bucket)
        return .replaced(old)
    }

    /// A known node that asks us something is alive (BEP 5); others are not let in by that.
    /// Whether it is known.
    @discardableResult
    public mutating func asked(by contact: NodeContact, now: Instant) -> Bool {
        guard let place = place(of: contact, in: bucket(of: contact.id)) else { return false }
        if entries[place].isGood { entries[place].heardAt = Entry.seconds(now) }
        return true
    }

    /// A node did not answer. It is given up at the second time if another waits for its place,
    /// else at the fifth. With `counts` false nothing is held against it: nobody else answered
    /// either, and a bad hour of our own network should not cost us all that we know.
    public mutating func failed(_ contact: NodeContact, counts: Bool = true) {
        let bucket = bucket(of: contact.id)
        guard let place = place(of: contact, in: bucket) else { return }
        entries[place].isBeingTried = false
        guard counts else { return }
        entries[place].failures = entries[place].failures.addingSaturating(1)
        let failures = Int(entries[place].failures)
        if failures >= Limits.failuresMax { return remove(at: place) }
        guard failures >= Limits.failuresBeforeReplacement,
            let spare = spares.lastIndex(where: { self.bucket(of: $0.contact.id) == bucket })
        else { return }
        remove(at: place)
        let entry = spares.remove(at: spare)
        if hasQuota(for: entry.contact.endpoint, in: bucket) { insert(entry, in: bucket) }
    }

    /// A node is being asked whether it is there, so that the next one has its turn after it.
    public mutating func tried(_ contact: NodeContact) {
        guard let place = place(of: contact, in: bucket(of: contact.id)) else { return }
        entries[place].isBeingTried = true
    }

    /// Forgets a node.
    public mutating func remove(_ contact: NodeContact) {
        guard let place = place(of: contact, in: bucket(of: contact.id)) else { return }
        remove(at: place)
    }

    /// Puts in nodes of an earlier run. They serve our own lookups at once, and are named to
    /// others once they have answered.
    public mutating func restore(_ contact: NodeContact, isSecure: Bool) {
        let bucket = bucket(of: contact.id)
        guard accepts(contact), !entries.contains(where: { $0.sharesIdentity(with: contact) }),
            hasQuota(for: contact.endpoint, in: bucket),
            count(inBucket: bucket) < capacity(ofBucket: bucket)
        else { return }
        insert(Entry(restored: contact, isSecure: isSecure), in: bucket)
    }

    /// Takes another id, and puts every node into the bucket where it is now.
    public mutating func move(to id: NodeID) {
        let all = entries + spares
        self.id = id
        entries = []
        prefixes = []
        secureCount = 0
        spares = []
        starts = [0]
        for entry in all {
            let bucket = bucket(of: entry.contact.id)
            guard accepts(entry.contact), hasQuota(for: entry.contact.endpoint, in: bucket) else {
                continue
            }
            if count(inBucket: bucket) < capacity(ofBucket: bucket) {
                insert(entry, in: bucket)
            } else {
                keep(entry)
            }
        }
    }

    // MARK: Questions

    /// The node that has been silent the longest, since when, if any has been for as long as
    /// `age`: the one that is worth a ping.
    public func stalest(now: Instant, age: Interval) -> NodeContact? {
        var best: Entry?
        let seconds = age.nanoseconds / 1_000_000_000
        for entry in entries where !entry.isBeingTried && entry.silence(now: now) >= seconds {
            if let found = best, found.heardAt <= entry.heardAt { continue }
            best = entry
        }
        return best?.contact
    }

    /// The good node that was heard of last.
    public var freshest: NodeContact? {
        entries.filter(\.isGood).max { $0.heardAt < $1.heardAt }?.contact
    }

    public func contains(_ contact: NodeContact) -> Bool {
        place(of: contact, in: bucket(of: contact.id)) != nil
    }

    /// How long a node takes to answer, if it has.
    public func roundTrip(of contact: NodeContact) -> Interval? {
        guard let place = place(of: contact, in: bucket(of: contact.id)),
            entries[place].roundTrip != .max
        else { return nil }
        return .milliseconds(Int64(entries[place].roundTrip))
    }

    public func contains(_ endpoint: Endpoint) -> Bool {
        entries.contains { $0.contact.endpoint == endpoint }
    }

    /// Whether a node could get a place if it answered: worth a ping when we hear of it.
    public func wants(_ contact: NodeContact) -> Bool {
        let bucket = bucket(of: contact.id)
        return accepts(contact) && count(inBucket: bucket) < capacity(ofBucket: bucket)
            && hasQuota(for: contact.endpoint, in: bucket)
            && !entries.contains { $0.sharesIdentity(with: contact) }
    }

    /// How many nodes there seem to be in the whole network, from how close together those are
    /// that share the most with our id. At least as many as are known.
    public var networkSize: Double {
        var seen = 0
        for bucket in (0..<bucketCount).reversed() {
            let held = range(of: bucket).count
            seen += held
            // A full bucket, and everything nearer than it, is the place to extrapolate from.
            guard held >= Limits.bucketSize / 2 || bucket == 0 else { continue }
            guard seen >= Limits.bucketSize else { continue }
            let density = networkSize(fromBucket: bucket, held: held, nearer: seen - held)
            return max(density, Double(entries.count))
        }
        return Double(entries.count)
    }

    /// A bucket that is not full holds every node there is between two distances; one that is
    /// full tells that there are more, which the nearer ones then tell better.
    private func networkSize(fromBucket bucket: Int, held: Int, nearer: Int) -> Double {
        let isFull = held >= capacity(ofBucket: bucket)
        let scale = Double(sign: .plus, exponent: min(bucket, 160), significand: 1)
        if isFull, nearer >= Limits.bucketSize / 2 { return Double(nearer) * scale * 2 }
        return Double(held + nearer) * scale
    }

    /// Which nodes a search is made from, and which are named to others.
    public enum Purpose: Sendable {
        /// Our own lookups: also nodes of an earlier run, and those that missed one query.
        case ourLookup
        /// A reply: only nodes that answered when they were last asked.
        case reply
    }

    /// Appends up to `count` nodes that are nearest to `target`, nearest first. Of those whose ids
    /// do not agree with their addresses (BEP 42) there are few, however near they are, as long as
    /// there are others. The buffer is the caller's; nothing is allocated when it has the room.
    public func closest(
        to target: NodeID, count: Int, for purpose: Purpose, into buffer: inout [NodeContact]
    ) {
        let needed = min(count, Limits.closestMax)
        guard !entries.isEmpty, needed > 0 else { return }
        var secure = Nearest(target: target, count: needed, isSecure: true)
        if secureCount > 0 { search(purpose, into: &secure) }
        guard secureCount < entries.count else {
            return append(secure, 0..<secure.count, into: &buffer)
        }
        // Few, or as many as there is room for.
        let few = max(needed / Limits.unverifiedPart, needed - secure.count)
        var others = Nearest(target: target, count: few, isSecure: false, bound: secure.reach)
        search(purpose, into: &others)
        merge(secure, others, needed, into: &buffer)
    }

    private func search(_ purpose: Purpose, into nearest: inout Nearest) {
        entries.withUnsafeBufferPointer { entries in
            prefixes.withUnsafeBufferPointer { prefixes in
                forEachBucket(from: nearest.target) { bucket in
                    nearest.add(
                        range(of: bucket), sharing: bucket + 1, prefixes, entries, purpose)
                    return !nearest.isDone
                }
            }
        }
    }

    private func append(
        _ nearest: Nearest, _ range: Range<Int>, into buffer: inout [NodeContact]
    ) {
        var index = range.lowerBound
        while index < range.upperBound {
            buffer.append(entries[Int(nearest.places[index])].contact)
            index += 1
        }
    }

    /// All of the others, and of the secure ones as many as there is room for, in order.
    private func merge(
        _ secure: Nearest, _ others: Nearest, _ count: Int, into buffer: inout [NodeContact]
    ) {
        let room = min(secure.count, count - others.count)
        var (next, other) = (0, 0)
        while next < room || other < others.count {
            let takesOther =
                next == room
                || other < others.count
                    && entries[Int(others.places[other])].id.isCloser(
                        to: others.target, than: entries[Int(secure.places[next])].id)
            if takesOther {
                append(others, other..<other + 1, into: &buffer)
                other += 1
            } else {
                append(secure, next..<next + 1, into: &buffer)
                next += 1
            }
        }
    }

    /// Buckets in the order of their distance from the target, until there are enough nodes. With
    /// x the distance between our id and the target, and d the count of bits that they share: the
    /// nodes of bucket d are nearest. Those of deeper buckets follow, where a bucket comes before
    /// all that are deeper if its bit of x is set, and after them if it is not; then come the
    /// buckets d−1 to 0. No two buckets overlap in their distances from the target.
    @inline(__always)
    private func forEachBucket(from target: NodeID, _ goesOn: (Int) -> Bool) {
        let shared = min(id.commonPrefixLength(with: target), Limits.bucketsMax - 1)
        let last = bucketCount - 1
        if shared <= last, !goesOn(shared) { return }
        var bucket = shared + 1
        while bucket <= last {
            if id.bit(bucket) != target.bit(bucket), !goesOn(bucket) { return }
            bucket += 1
        }
        bucket = last
        while bucket > shared {
            if id.bit(bucket) == target.bit(bucket), !goesOn(bucket) { return }
            bucket -= 1
        }
        bucket = min(shared, bucketCount) - 1
        while bucket >= 0, goesOn(bucket) { bucket -= 1 }
    }

    // MARK: Places

    private var bucketCount: Int { starts.count - 1 }

    private func bucket(of id: NodeID) -> Int {
        min(self.id.commonPrefixLength(with: id), Limits.bucketsMax - 1)
    }

    private func range(of bucket: Int) -> Range<Int> {
        guard bucket < bucketCount else { return entries.count..<entries.count }
        return Int(starts[bucket])..<Int(starts[bucket + 1])
    }

    private func place(of contact: NodeContact, in bucket: Int) -> Int? {
        let range = range(of: bucket)
        var place = range.lowerBound
        while place < range.upperBound {
            if prefixes[place] == contact.id.high, entries[place].id == contact.id,
                entries[place].endpoint == contact.endpoint
            {
                return place
            }
            place += 1
        }
        return nil
    }

    private func accepts(_ contact: NodeContact) -> Bool {
        contact.id != id && contact.endpoint.isDialable
            && (acceptsLocalAddresses || !contact.endpoint.isLocal)
    }

    /// One node of a network (/24, /64) in a bucket, and few in the table. Local networks, where
    /// they are accepted at all, are where whole test networks live.
    private func hasQuota(for endpoint: Endpoint, in bucket: Int) -> Bool {
        guard !endpoint.isLocal else { return true }
        let network = endpoint.network
        var count = 0
        for place in entries.indices where entries[place].contact.endpoint.network == network {
            if range(of: bucket).contains(place) { return false }
            count += 1
        }
        return count < Limits.nodesOfNetworkMax
    }

    /// Whom a newcomer may displace: one that fails, else one whose id is not secure.
    private func replaceable(in bucket: Int, for entry: Entry) -> Int? {
        let range = range(of: bucket)
        if let worst = range.max(by: { entries[$0].failures < entries[$1].failures }),
            entries[worst].failures > 0
        {
            return worst
        }
        guard entry.isSecure else { return nil }
        return range.filter { !entries[$0].isSecure }
            .min { entries[$0].heardAt < entries[$1].heardAt }
    }

    private mutating func insert(_ entry: Entry, in bucket: Int) {
        while bucketCount <= bucket { starts.append(UInt16(clamping: entries.count)) }
        if entries.count == entries.capacity {
            // Doubling would waste what a million idle nodes in one process do not have.
            entries.reserveCapacity(entries.count + Limits.tableGrowth)
            prefixes.reserveCapacity(entries.count + Limits.tableGrowth)
        }
        let range = range(of: bucket)
        let place = range.first { entry.id < entries[$0].id } ?? range.upperBound
        prefixes.insert(entry.id.high, at: place)
        entries.insert(entry, at: place)
        if entry.isSecure { secureCount += 1 }
        for later in (bucket + 1)..<starts.count { starts[later] += 1 }
    }

    private mutating func remove(at place: Int) {
        let bucket = bucket(of: entries[place].contact.id)
        if entries.remove(at: place).isSecure { secureCount -= 1 }
        prefixes.remove(at: place)
        for later in (bucket + 1)..<starts.count { starts[later] -= 1 }
        while starts.count > 1, starts[starts.count - 2] == starts[starts.count - 1] {
            starts.removeLast()
        }
    }

    private mutating func keep(_ entry: Entry) {
        spares.removeAll { $0.sharesIdentity(with: entry.contact) }
        if spares.count >= Limits.sparesMax { spares.removeFirst() }
        spares.append(entry)
    }
}
