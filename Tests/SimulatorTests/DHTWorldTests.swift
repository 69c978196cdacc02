import Foundation
import Kademlia
import Testing
import Units

@testable import Simulator

@Suite struct DHTWorldTests {
    private func scenario(_ lines: String) throws -> Scenario {
        try Scenario(parsing: "title A test\n" + lines)
    }

    @Test func everyScenarioOfTheRepositoryCanBeRead() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/Scenarios")
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        #expect(files.count >= 10)
        for file in files {
            let scenario = try Scenario(parsing: String(contentsOf: file, encoding: .utf8))
            #expect(!scenario.expectations.isEmpty, "\(file.lastPathComponent) expects nothing")
        }
    }

    @Test func lookupsFindWhatWasAnnouncedAndRunsCanBeRepeated() throws {
        let scenario = try scenario(
            """
            nodes 80
            dead-entries 30%
            keys 4
            lookups 20
            span 2s
            expect success >= 100%
            expect first-holder p50 <= 300ms
            expect converged p50 <= 600ms
            expect dead-entries >= 20%
            """)
        let first = scenario.run(seed: 3)
        #expect(first.holds, "\(first.checks) \(first.violations)")
        let again = scenario.run(seed: 3)
        #expect(again.trace == first.trace)
        #expect(again.measures == first.measures)
    }

    @Test(arguments: [
        "nodes 40\nloss 5%\nreordering 10%\nduplication 5%\nexpect success >= 100%",
        "nodes 60\nadversaries 20%\nexpect success >= 99%",
        "nodes 60\nadversaries 40%\nexpect success >= 90%",
        "nodes 40\neclipse 12\nkeys 2\nexpect success >= 99%",
        "nodes 60\nnat 30% port-restricted\nnat 20% symmetric\nexpect success >= 99%",
        "nodes 40\nfamily ipv6\ninsecure-ids 50%\nexpect success >= 100%",
        "nodes 40\nsession 5m\nexpect success >= 95%",
    ])
    func lookupsSucceedWhenTheNetworkIsBad(lines: String) throws {
        let report = try scenario(lines + "\nlookups 20\nspan 2s").run(seed: 1)
        #expect(report.holds, "\(report.checks) \(report.violations)")
    }

    @Test func aLookupThatFellShortIsTold() throws {
        let lossy = try scenario("nodes 30\nloss 60%\nkeys 2\nlookups 5\nspan 1s")
        let (report, tale) = lossy.tell(seed: 1)
        #expect(report.value(.convergence, .mean) != 1)
        #expect(tale.contains { $0.hasPrefix("lookup ") })
        #expect(tale.contains { $0.contains(" asked") })
    }

    // MARK: Who knows whom

    private func population(_ count: Int, dead: Int, seed: UInt64) -> (Population, [NodeContact]) {
        var generator = SeededGenerator(seed: seed)
        var population = Population()
        var live: [NodeContact] = []
        for number in 0..<count + dead {
            let contact = NodeContact(
                id: .random(using: &generator),
                endpoint: Endpoint(ipv4: 0x0800_0000 + UInt32(number), port: 1))
            let host = number < count ? HostIndex(number) : nil
            population.add(Population.Member(contact: contact, host: host, isReachable: true))
            if host != nil { live.append(contact) }
        }
        population.order()
        return (population, live)
    }

    @Test func theTrueNearestAreThoseOfAllWhoLive() {
        var generator = SeededGenerator(seed: 9)
        for seed in 1...20 as ClosedRange<UInt64> {
            let (population, live) = population(300, dead: 100, seed: seed)
            let target = NodeID.random(using: &generator)
            let expected = live.sorted { $0.id.isCloser(to: target, than: $1.id) }.prefix(8)
            let found = population.nearest(to: target, count: 8, but: nil).map(\.contact)
            #expect(found == Array(expected), "seed \(seed)")
        }
    }

    @Test func aWarmTableHasItsShareOfEachBucketAndOfTheDead() {
        let (population, live) = population(2_000, dead: 1_000, seed: 5)
        var generator = SeededGenerator(seed: 6)
        let id = live[0].id
        var members: [Population.Member] = []
        population.fillTable(of: id, capacity: { _ in 8 }, using: &generator) {
            members.append($0)
        }
        #expect(Set(members.map(\.contact)).count == members.count)
        #expect(!members.contains { $0.contact.id == id })
        for bucket in 0..<6 {
            let held = members.filter { $0.contact.id.commonPrefixLength(with: id) == bucket }
            #expect(held.count == 8)
        }
        let dead = members.count { $0.host == nil }
        #expect((0.1...0.6).contains(Double(dead) / Double(members.count)))
    }

    @Test func aLiarPlaysThePartThatAnotherGaveIt() throws {
        let ring = LiarRing(lies: [.nearer], isIPv6: false, generator: SeededGenerator(seed: 1))
        var generator = SeededGenerator(seed: 2)
        let contact = NodeContact(
            id: .random(using: &generator), endpoint: Endpoint(ipv4: 0x0808_0808, port: 1))
        ring.join(contact)
        let asker = Endpoint(ipv4: 0x0909_0909, port: 2)
        let target = NodeID.random(using: &generator)
        let named = ring.contacts(.nearer, near: target, for: asker, by: contact)
        #expect(named.allSatisfy { $0.id.commonPrefixLength(with: target) >= 32 })
        #expect(ring.part(of: contact, for: asker) == named.last?.id)
        #expect(ring.part(of: contact, for: asker.with(port: 3)) == nil)
    }

    @Test func theLogarithmIsOne() {
        for value in [1e-9, 0.5, 1, 2, 2.718_281_828_459_045, 1_000_000] {
            #expect((naturalLogarithm(value) - log(value)).magnitude < 1e-12)
        }
        #expect(naturalLogarithm(0) == -.infinity)
    }
}
