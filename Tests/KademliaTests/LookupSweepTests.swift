import Testing
import Units

@testable import Kademlia

/// Questions for those whom nobody names, as the dead take their places in answers.
@Suite struct LookupSweepTests {
    /// A node whose id shares so many bits with the target of all tests, which is zero.
    private func contact(bits: Int, _ number: Int) -> NodeContact {
        let id = NodeID(high: 1 << UInt64(63 - bits), middle: 0, low: UInt32(number))
        return NodeContact(
            id: id,
            endpoint: Endpoint(ipv4: 0x0800_0001 + UInt32(bits * 100 + number) << 8, port: 1))
    }

    /// The target with one bit flipped.
    private func id(bit: Int) -> NodeID { NodeID(high: 1 << UInt64(63 - bit), middle: 0, low: 0) }

    private func instant(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    /// A search in which 8 nodes are known and all have been asked.
    private func search() -> (Lookup, [NodeContact]) {
        var lookup = Lookup(
            target: .zero, family: .ipv4, ownID: NodeID(high: .max, middle: 0, low: 0),
            liveShare: 1, now: .zero)
        let nodes = (0..<8).map { contact(bits: $0 < 3 ? 20 : 18, $0) }
        for node in nodes { lookup.addSeed(node, roundTrip: nil) }
        var asked: [NodeContact] = []
        while let node = lookup.nextQuery(now: .zero, patience: .milliseconds(100)) {
            asked.append(node)
            lookup.answered(node, naming: [], now: .zero)
        }
        #expect(Set(asked) == Set(nodes))
        return (lookup, nodes)
    }

    @Test func onceTheNearestHaveAnsweredTheEdgeOfTheirPartIsAskedFor() {
        var (lookup, nodes) = search()
        var asked: [(NodeContact, NodeID)] = []
        while let next = lookup.nextSweep(now: instant(1), patience: .milliseconds(100)) {
            asked.append((next.contact, next.target))
        }
        // Two of those who live there are asked about it, and one about the part behind it.
        let edge = id(bit: 18)
        #expect(asked.map(\.1) == [edge, edge, id(bit: 19)])
        #expect(Set(asked.prefix(2).map(\.0)).count == 2)
        for (node, _) in asked.prefix(2) {
            #expect(nodes.contains(node) && node.id.commonPrefixLength(with: .zero) == 18)
        }
    }

    @Test func nobodyIsAskedBeforeMostOfTheNearestHaveAnswered() throws {
        var lookup = Lookup(
            target: .zero, family: .ipv4, ownID: NodeID(high: .max, middle: 0, low: 0),
            liveShare: 1, now: .zero)
        for number in 0..<8 { lookup.addSeed(contact(bits: 18, number), roundTrip: nil) }
        var asked: [NodeContact] = []
        while let node = lookup.nextQuery(now: .zero, patience: .milliseconds(100)) {
            asked.append(node)
            if asked.count == 1 { lookup.answered(node, naming: [], now: .zero) }
        }
        for node in asked.dropFirst().prefix(Limits.answersBeforeSweep - 2) {
            lookup.answered(node, naming: [], now: .zero)
            #expect(lookup.nextSweep(now: .zero, patience: .milliseconds(100)) == nil)
        }
        try #require(asked.count == 8)
        lookup.answered(asked[Limits.answersBeforeSweep - 1], naming: [], now: .zero)
        #expect(lookup.nextSweep(now: .zero, patience: .milliseconds(100)) != nil)
    }

    @Test func whomAnAnswerNamesIsAskedAndCountsAmongTheNearest() {
        var (lookup, _) = search()
        let hidden = contact(bits: 19, 50)
        guard let sweep = lookup.nextSweep(now: .zero, patience: .milliseconds(100)) else {
            Issue.record("nobody is asked")
            return
        }
        lookup.swept(by: sweep.contact, naming: [hidden], now: .zero)
        #expect(lookup.nextQuery(now: .zero, patience: .milliseconds(100)) == hidden)
        lookup.answered(hidden, naming: [], now: instant(10))
        #expect(lookup.closest.contains(hidden))
    }

    @Test func anAnswerIsWaitedForNoLongerThanOthers() {
        var (lookup, _) = search()
        while lookup.nextSweep(now: .zero, patience: .milliseconds(100)) != nil {}
        #expect(!lookup.isFinished(now: instant(224)))
        #expect(lookup.nextDeadline() == instant(225))
        #expect(lookup.isFinished(now: instant(225)))
    }

    @Test func whoDoesNotAnswerLeavesRoomForNoOther() {
        var (lookup, _) = search()
        guard let sweep = lookup.nextSweep(now: .zero, patience: .milliseconds(100)) else {
            Issue.record("nobody is asked")
            return
        }
        lookup.sweepFailed(sweep.contact)
        var count = 1
        while let next = lookup.nextSweep(now: .zero, patience: .milliseconds(100)) {
            lookup.sweepFailed(next.contact)
            count += 1
        }
        #expect(count == 3)
        #expect(lookup.isFinished(now: .zero))
    }
}
