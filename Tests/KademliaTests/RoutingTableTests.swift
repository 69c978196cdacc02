import Testing
import Units

@testable import Kademlia

@Suite struct RoutingTableTests {
    private static func table(
        _ generator: inout SeededGenerator, rootCapacity: Int = 32
    ) -> RoutingTable {
        RoutingTable(
            id: .random(using: &generator), rootCapacity: rootCapacity,
            acceptsLocalAddresses: false)
    }

    /// A node of a network of its own, as near to `id` as chance will have it.
    private static func contact(
        _ number: Int, near id: NodeID, _ generator: inout SeededGenerator
    ) -> NodeContact {
        let shared = Int.random(in: 0..<24, using: &generator)
        return NodeContact(
            id: id.random(sharing: shared, using: &generator),
            endpoint: Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881))
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>) func whatIsClosestIsFoundInOrder(
        seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed)
        var table = Self.table(&generator)
        for number in 0..<300 {
            let contact = Self.contact(number, near: table.id, &generator)
            table.answered(contact, roundTrip: nil, isSecure: true, now: .zero)
            if number.isMultiple(of: 5) { table.failed(contact) }
        }
        let good = table.entries.filter(\.isGood).map(\.contact)
        #expect(good.count < table.count)
        for _ in 0..<100 {
            let shared = Int.random(in: 0..<30, using: &generator)
            let target = table.id.random(sharing: shared, using: &generator)
            let count = Int.random(in: 1...16, using: &generator)
            var found: [NodeContact] = []
            table.closest(to: target, count: count, for: .reply, into: &found)
            let expected = good.sorted { $0.id.isCloser(to: target, than: $1.id) }.prefix(count)
            #expect(found == Array(expected), "seed \(seed)")
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>) func bucketsKeepTheirBounds(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = Self.table(&generator)
        var known: [NodeContact] = []
        for number in 0..<800 {
            let now = Instant.zero + .seconds(Int64(number))
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                let contact = Self.contact(number, near: table.id, &generator)
                let isSecure = Bool.random(using: &generator)
                table.answered(contact, roundTrip: .zero, isSecure: isSecure, now: now)
                known.append(contact)
            case 6..<8: if let one = known.randomElement(using: &generator) { table.failed(one) }
            case 8: if let one = known.randomElement(using: &generator) { table.remove(one) }
            default: if number.isMultiple(of: 50) { table.move(to: .random(using: &generator)) }
            }
            if number.isMultiple(of: 20) { Self.check(table, seed) }
        }
        #expect(table.count > 50)
    }

    private static func check(_ table: RoutingTable, _ seed: UInt64) {
        let contacts = table.contacts
        var last = 0
        for contact in contacts {
            let bucket = table.id.commonPrefixLength(with: contact.id)
            #expect(bucket >= last, "seed \(seed)")
            last = bucket
        }
        for bucket in 0..<32 {
            let count = contacts.count { table.id.commonPrefixLength(with: $0.id) == bucket }
            #expect(count == table.count(inBucket: bucket), "seed \(seed)")
            #expect(count <= table.capacity(ofBucket: bucket), "seed \(seed)")
        }
        #expect(Set(contacts.map(\.endpoint.address)).count == contacts.count, "seed \(seed)")
        #expect(Set(contacts.map(\.id)).count == contacts.count, "seed \(seed)")
        #expect(table.spareCount <= 16, "seed \(seed)")
    }

    @Test("K4 an address has one id in the table, and a network two, in different buckets")
    func k4() {
        var generator = SeededGenerator(seed: 1)
        var table = Self.table(&generator, rootCapacity: 128)
        func answer(_ shared: Int, _ address: UInt32, _ port: UInt16 = 6881) -> RoutingTable.Outcome
        {
            let contact = NodeContact(
                id: table.id.random(sharing: shared, using: &generator),
                endpoint: Endpoint(ipv4: address, port: port))
            return table.answered(contact, roundTrip: nil, isSecure: true, now: .zero)
        }
        #expect(answer(0, 0x0B00_0001) == .inserted)
        #expect(answer(1, 0x0B00_0001) == .refused)
        #expect(answer(1, 0x0B00_0001, 7000) == .refused)
        #expect(answer(0, 0x0B00_0002) == .refused)
        #expect(answer(1, 0x0B00_0002) == .inserted)
        #expect(answer(2, 0x0B00_0003) == .refused)
        #expect(answer(2, 0x0B00_0103) == .inserted)
        // Nor is anybody there who cannot be.
        #expect(answer(3, 0x7F00_0001) == .refused)
        #expect(answer(3, 0xC0A8_0001) == .refused)
        #expect(answer(3, 0xE000_0001) == .refused)
        #expect(answer(3, 0x0C00_0001, 0) == .refused)
        #expect(table.count == 3)
    }

    @Test("K5 a list has few whose ids their addresses may not have, while there are others")
    func k5Lists() {
        var generator = SeededGenerator(seed: 6)
        var table = Self.table(&generator, rootCapacity: 64)
        var secure: [NodeContact] = []
        let target = table.id.random(sharing: 0, using: &generator)
        for number in 0..<40 {
            let isSecure = number >= 20
            // The others are all nearer.
            let id = target.random(sharing: isSecure ? 3 : 30, using: &generator)
            let contact = NodeContact(
                id: id, endpoint: Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 1))
            table.answered(contact, roundTrip: nil, isSecure: isSecure, now: .zero)
            if isSecure { secure.append(contact) }
        }
        var found: [NodeContact] = []
        table.closest(to: target, count: 8, for: .reply, into: &found)
        #expect(found.count == 8)
        #expect(found.count { secure.contains($0) } == 6)
        #expect(found == found.sorted { $0.id.isCloser(to: target, than: $1.id) })
        for contact in secure.dropFirst(3) { table.remove(contact) }
        found = []
        table.closest(to: target, count: 8, for: .reply, into: &found)
        #expect(found.count == 8)
        #expect(found.count { secure.contains($0) } == 3)
    }

    @Test("K5 an id that its address may not have displaces nobody, and makes room")
    func k5() {
        var generator = SeededGenerator(seed: 2)
        var table = Self.table(&generator, rootCapacity: 8)
        func answer(_ number: Int, isSecure: Bool) -> RoutingTable.Outcome {
            let contact = NodeContact(
                id: table.id.random(sharing: 0, using: &generator),
                endpoint: Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881))
            return table.answered(contact, roundTrip: nil, isSecure: isSecure, now: .zero)
        }
        for number in 0..<8 { #expect(answer(number, isSecure: number < 7) == .inserted) }
        #expect(answer(8, isSecure: false) == .kept)
        guard case .replaced(let old) = answer(9, isSecure: true) else {
            Issue.record("the secure one was not let in")
            return
        }
        #expect(old.endpoint == Endpoint(ipv4: 0x0B00_0701, port: 6881))
        #expect(answer(10, isSecure: true) == .kept)
    }

    @Test func whoFailsTwiceMakesRoomForOneThatWaits() {
        var generator = SeededGenerator(seed: 3)
        var table = Self.table(&generator, rootCapacity: 8)
        let all = (0..<9).map { number in
            NodeContact(
                id: table.id.random(sharing: 0, using: &generator),
                endpoint: Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881))
        }
        for contact in all {
            table.answered(contact, roundTrip: nil, isSecure: true, now: .zero)
        }
        #expect(!table.contains(all[8]))
        table.failed(all[0])
        #expect(table.contains(all[0]))
        table.failed(all[0])
        #expect(!table.contains(all[0]))
        #expect(table.contains(all[8]))
        // Without one that waits it stays for longer.
        for _ in 0..<4 { table.failed(all[1]) }
        #expect(table.contains(all[1]))
        table.failed(all[1], counts: false)
        #expect(table.contains(all[1]))
        table.failed(all[1])
        #expect(!table.contains(all[1]))
    }

    @Test func nodesOfAnEarlierRunServeUsAndAreNamedWhenTheyHaveAnswered() {
        var generator = SeededGenerator(seed: 4)
        var table = Self.table(&generator)
        let contact = Self.contact(1, near: table.id, &generator)
        table.restore(contact, isSecure: true)
        var found: [NodeContact] = []
        table.closest(to: contact.id, count: 8, for: .reply, into: &found)
        #expect(found.isEmpty)
        table.closest(to: contact.id, count: 8, for: .ourLookup, into: &found)
        #expect(found == [contact])
        #expect(table.stalest(now: .zero, age: .minutes(15)) == contact)
        table.answered(contact, roundTrip: nil, isSecure: true, now: .zero)
        #expect(table.stalest(now: .zero, age: .minutes(15)) == nil)
        found = []
        table.closest(to: contact.id, count: 8, for: .reply, into: &found)
        #expect(found == [contact])
    }

    /// Idle nodes must be cheap, as simulations have a million of them.
    @Test func anEntryTakes48Bytes() {
        #expect(MemoryLayout<RoutingTable.Entry>.stride == 48)
        #expect(MemoryLayout<DHTNode>.stride < 1200)
    }

    /// Within a factor of three.
    @Test(arguments: [200, 5000]) func theSizeOfTheNetworkIsKnownRoughly(size: Int) {
        var generator = SeededGenerator(seed: 5)
        var sum = 0.0
        for _ in 0..<8 {
            var table = Self.table(&generator, rootCapacity: 8)
            for number in 0..<size {
                let contact = NodeContact(
                    id: .random(using: &generator),
                    endpoint: Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881))
                table.answered(contact, roundTrip: nil, isSecure: true, now: .zero)
            }
            sum += table.networkSize
        }
        let mean = sum / 8
        #expect(mean > Double(size) / 3 && mean < Double(size) * 3, "\(mean)")
    }
}
