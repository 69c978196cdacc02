import Kademlia
import Units

/// Everybody who is in anybody's table, ordered by id: those who are there, and those who are no
/// more.
struct Population {
    struct Member {
        let contact: NodeContact
        /// Nil for one who is no more.
        var host: HostIndex?
        /// Whether others can reach it without being asked first.
        let isReachable: Bool
    }

    private var members: [Member] = []
    private var isOrdered = true

    var count: Int { members.count }

    mutating func add(_ member: Member) {
        members.append(member)
        isOrdered = false
    }

    mutating func order() {
        guard !isOrdered else { return }
        members.sort { $0.contact.id < $1.contact.id }
        isOrdered = true
    }

    /// The host is no more; others still have its contact.
    mutating func remove(_ contact: NodeContact) {
        precondition(isOrdered)
        var place = firstPlace(notBefore: contact.id, in: members.indices)
        while place < members.count, members[place].contact.id == contact.id {
            if members[place].contact == contact { members[place].host = nil }
            place += 1
        }
    }

    private func firstPlace(notBefore id: NodeID, in range: Range<Int>) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = (low + high) / 2
            if members[middle].contact.id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Where, in a range of members with `depth` bits in common, those begin whose next bit is set.
    private func split(_ range: Range<Int>, atBit depth: Int) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = (low + high) / 2
            if members[middle].contact.id.bit(depth) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The nearest to `target` of those who are there and can be reached.
    func nearest(to target: NodeID, count: Int, but excluded: HostIndex?) -> [Member] {
        precondition(isOrdered)
        func isWanted(_ member: Member) -> Bool {
            member.host != nil && member.isReachable && member.host != excluded
        }
        var range = members.indices
        for depth in 0..<160 {
            let middle = split(range, atBit: depth)
            let half = target.bit(depth) ? middle..<range.upperBound : range.lowerBound..<middle
            guard members[half].count(where: isWanted) >= count else { break }
            range = half
        }
        let sorted = members[range].filter(isWanted)
            .sorted { $0.contact.id.isCloser(to: target, than: $1.contact.id) }
        return Array(sorted.prefix(count))
    }

    /// Gives `body` what a node has in its table that has been there for long: of each bucket as
    /// many as fit, each as likely as the others. Hosts behind NATs are in nobody's.
    func fillTable(
        of id: NodeID, capacity: (Int) -> Int, using generator: inout SeededGenerator,
        _ body: (Member) -> Void
    ) {
        precondition(isOrdered)
        var range = members.indices
        for depth in 0..<160 where range.count > 1 {
            let middle = split(range, atBit: depth)
            let isSet = id.bit(depth)
            let bucket = isSet ? range.lowerBound..<middle : middle..<range.upperBound
            range = isSet ? middle..<range.upperBound : range.lowerBound..<middle
            choose(capacity(depth), of: bucket, using: &generator, body)
        }
    }

    private func choose(
        _ count: Int, of bucket: Range<Int>, using generator: inout SeededGenerator,
        _ body: (Member) -> Void
    ) {
        func isWanted(_ place: Int) -> Bool {
            members[place].isReachable
        }
        guard bucket.count > 4 * count else {
            var places = bucket.filter(isWanted)
            places.shuffle(using: &generator)
            return places.prefix(count).forEach { body(members[$0]) }
        }
        var chosen: Set<Int> = []
        var tries = 0
        while chosen.count < count, tries < 16 * count {
            tries += 1
            let place = bucket.lowerBound + generator.nextBelow(bucket.count)
            guard isWanted(place), chosen.insert(place).inserted else { continue }
            body(members[place])
        }
    }
}
