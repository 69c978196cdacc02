import Foundation
import Hashing
import Storage
import SwarmScheduler
import Testing
import Tracker
import Units

@testable import Discovery
@testable import SwarmEngine

@Suite struct SleeperTableTests {
    private let start = Instant.zero + .seconds(1_000)

    private func seed(_ number: Int) -> DormantSeed {
        let name = SHA1Digest.hash(Array("\(number)".utf8))
        return DormantSeed(
            record: TorrentRecord.ID(rawValue: Int64(number)), infoHash: InfoHash(v1: name),
            isPrivate: false, isWhole: true)
    }

    /// What a driver knows after a tracker has answered at `now`.
    private func memory(
        of seed: DormantSeed, leechers: Int?, answeredAt now: Instant, url: TrackerURL
    ) -> TrackerMemory {
        var schedule = TrackerSchedule(
            tiers: [[url]], infoHashes: seed.infoHash.wireForms,
            generator: SeededGenerator(seed: 1))
        var actions = ActionBuffer<TrackerSchedule.Action>()
        schedule.handle(.start(isComplete: true, spread: .zero), now: now, into: &actions)
        for action in actions.take() {
            guard case .announce(let announce) = action else { continue }
            let response = AnnounceResponse(
                interval: .seconds(1_800), counts: SwarmCounts(leechers: leechers))
            schedule.handle(.announced(announce.attempt, response), now: now, into: &actions)
        }
        let id = [UInt8](repeating: 7, count: 20)
        return TrackerMemory(
            schedule: schedule,
            identity: TrackerDriver.Identity(peerID: id, port: 6881, key: 1))
    }

    private func url() throws -> TrackerURL {
        try TrackerURL("http://tracker.example:6969/0123456789abcdef/announce")
    }

    @Test func tenThousandSeedsDoNotBeginAtOnce() {
        var table = SleeperTable()
        for number in 0..<10_000 { table.lay(seed(number), now: start) }
        var begun: [Int] = []
        for second in 0..<300 {
            begun.append(table.takeDue(now: start + .seconds(Int64(second))).count)
        }
        #expect(begun.max().map { $0 <= 41 } == true)
        // And all have, before trackers would have forgotten any.
        #expect(begun.reduce(0, +) == 10_000)
        // One that comes later does not wait.
        table.lay(seed(10_000), now: start + .seconds(400))
        let later = table.takeDue(now: start + .seconds(401))
        #expect(later.count == 1)
    }

    @Test func aSeedIsAnnouncedWhenItsTrackerWantsAndOnce() throws {
        var table = SleeperTable()
        let seed = seed(1)
        table.lay(seed, Continuity())
        let memory = memory(of: seed, leechers: 0, answeredAt: start, url: try url())
        let ending = table.laidBy(seed.record, memory, now: start)
        #expect(ending == .sleepsOn)
        let next = try #require(memory.nextAnnounce)
        #expect(next >= start + .seconds(1_800))
        let early = table.takeDue(now: next - .seconds(1))
        #expect(early.isEmpty)
        let due = table.takeDue(now: next + .seconds(1))
        #expect(due.count == 1)
        guard case .announce(let which, _, _) = due.first else {
            Issue.record("it is not announced")
            return
        }
        #expect(which.record == seed.record)
        let late = table.takeDue(now: next + .seconds(9))
        #expect(late.isEmpty)
    }

    @Test func seedsOfWhichTrackersAreToForgetBeginAnewOneAfterTheOther() throws {
        var table = SleeperTable()
        var known = Continuity()
        (known.uploaded, known.downloaded) = (7, 8)
        known.announcing = .laidBy(
            memory(of: seed(1), leechers: 0, answeredAt: start, url: try url()))
        table.lay(seed(1), known)
        // Its turn was taken while there were no trackers.
        table.lay(seed(2), now: start)
        #expect(table.takeDue(now: start + .seconds(1)).count == 1)
        let forgotten = table.forgetTrackers()
        #expect(forgotten.map(\.seed.record) == [seed(1).record])
        #expect(forgotten.first?.continuity.uploaded == 7)
        #expect(table.forgetTrackers().isEmpty)
        #expect(table.takeDue(now: start + .seconds(4_000)).isEmpty)

        let later = start + .seconds(5_000)
        table.beginAll(now: later)
        let due = table.takeDue(now: later + .seconds(1))
        #expect(due.count == 2)
        #expect(due.allSatisfy { if case .begin = $0 { true } else { false } })
        #expect(table.sleepers.values.allSatisfy { $0.continuity.uploaded == 0 })
        #expect(table.takeDue(now: later + .seconds(4_000)).isEmpty)
    }

    @Test func peersAreDialledWhereSomebodyFetches() throws {
        let url = try url()
        let named = NamedSources(
            peers: [Endpoint(ipv4: 0x0808_0808, port: 6881)], origin: .tracker, source: nil)
        for (leechers, isNamed, ending) in [
            (0, true, SleeperTable.Ending.sleepsOn), (3, true, .wanted), (3, false, .sleepsOn),
        ] {
            var table = SleeperTable()
            table.lay(seed(1), Continuity())
            if isNamed { table.named(named, for: seed(1).record) }
            let memory = memory(of: seed(1), leechers: leechers, answeredAt: start, url: url)
            let came = table.laidBy(seed(1).record, memory, now: start)
            #expect(came == ending)
            let peers = table.take(seed(1).record)?.continuity.named.flatMap(\.peers)
            #expect(peers == (ending == .wanted ? named.peers : []))
        }
    }

    @Test func peersOfWhomNothingIsKnownAreDialledOnceAnHour() {
        let named = NamedSources(
            peers: [Endpoint(ipv4: 0x0808_0808, port: 6881)], origin: .dht, source: nil)
        var table = SleeperTable()
        table.lay(seed(1), Continuity())
        var ending = table.found(named, for: seed(1).record, now: start)
        #expect(ending == .wanted)
        // Told once.
        ending = table.found(named, for: seed(1).record, now: start)
        #expect(ending == .sleepsOn)
        var isNews = table.want(seed(1).record)
        #expect(!isNews)
        guard let sleeper = table.take(seed(1).record) else {
            Issue.record("it is not there")
            return
        }
        ending = table.found(named, for: seed(1).record, now: start)
        #expect(ending == .gone)
        table.lay(seed(1), sleeper.continuity)
        let soon = start + .seconds(3_599)
        ending = table.found(named, for: seed(1).record, now: soon)
        #expect(ending == .sleepsOn)
        // Whoever connects does not wait for that.
        isNews = table.want(seed(1).record)
        #expect(isNews)
        table.lay(seed(1), sleeper.continuity)
        ending = table.found(named, for: seed(1).record, now: start + .seconds(3_600))
        #expect(ending == .wanted)
    }

    @Test func sleepersByTheThousandCostNextToNothing() throws {
        let url = try url()
        let directory = TorrentDirectory()
        var table = SleeperTable()
        let count = 40_000
        let before = try resident()
        for number in 0..<count {
            let seed = seed(number)
            _ = directory.insert(seed)
            table.lay(seed, Continuity())
            let memory = memory(of: seed, leechers: 0, answeredAt: start, url: url)
            _ = table.laidBy(seed.record, memory, now: start)
        }
        let each = (try resident() - before) / count
        // Others of this process take memory meanwhile: alone it is less than half of this.
        #expect(each < 4_000, "a sleeper takes \(each) bytes")
        #expect(table.count == count)
    }

    /// They are kept for each sleeper of which one cannot be asked.
    @Test func aNamedTrackerIsSmall() {
        #expect(MemoryLayout<NamedTrackers.Place>.stride == 2 * MemoryLayout<Int>.stride)
    }

    /// Bytes of this process that are in memory.
    private func resident() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return try #require(pages) * 4_096
    }
}
