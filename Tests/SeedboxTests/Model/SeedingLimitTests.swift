import Hashing
import JSONText
import Storage
import Testing
import Units

@testable import Seedbox

/// Limits of seeding: what reaches them, what lifts them, and what is told of them.
@Suite(.timeLimit(.minutes(10))) struct SeedingLimitTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    /// A complete torrent that a limit has paused.
    private func paused(
        named name: String = "box",
        adjusting adjust: (inout Settings) -> Void = { $0.seeding.ratio = .atMost(0) }
    ) async throws -> (TestBox, TorrentID) {
        let box = try await TestBox.open(name, in: scratch, adjusting: adjust)
        let torrent = TestTorrent("Album")
        try torrent.write(to: box.folder)
        var request = AddRequest(.manifest(torrent.manifest))
        request.category = box.box.categories.first?.name
        let id = try await box.box.add(request).id
        try await box.wait(for: id, "is paused by the limit") {
            $0.state == .paused && $0.isComplete
        }
        #expect(box.box.catalogue.row(id)?.limitReached == .ratio)
        return (box, id)
    }

    @Test func aLimitOfSeedingPausesAndAStartLiftsIt() async throws {
        let (box, id) = try await paused()
        #expect(try await box.box.slowness(of: id).first?.text.contains("limit of ratio") == true)
        try await box.box.start([id])
        let row = try await box.wait(for: id, "seeds") { $0.state == .seeding }
        #expect(row.seedingLimits.ratio == .unlimited)
        #expect(row.limitReached == nil)
        await box.box.shutdown()
    }

    @Test func aSeedAtWhichNothingHappensReachesALimitInItsTurn() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        try torrent.write(to: box.folder)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: id, "seeds") { $0.state == .seeding && $0.isComplete }
        // Two rounds, so that nothing is left that has changed.
        for second in 1...20 { await box.box.tick(now: Seedbox.now + Int64(second)) }
        try await box.box.changeSettings(SettingsChanges(["seeding": ["time": 1]]))
        for second in 21...30 { await box.box.tick(now: Seedbox.now + Int64(second)) }
        try await box.wait(for: id, "is paused by the limit") { $0.limitReached == .seedTime }
        await box.box.shutdown()
    }

    @Test func aCheckOfWhatIsPausedReachesNoLimit() async throws {
        let (box, id) = try await paused()
        let events = box.box.events()
        try await box.box.changeSettings(
            SettingsChanges(["seeding": ["action": "remove-with-data"]]))
        try await box.box.recheck([id])
        try await eventually("it is checked") {
            await box.box.members[id]?.isToBeChecked != true
        }
        for second in 1...10 { await box.box.tick(now: Seedbox.now + Int64(second)) }
        try await box.wait(for: id, "is paused") { $0.state == .paused && $0.isComplete }
        #expect(TestTorrent("Album").isWhole(in: box.folder))
        await box.box.shutdown()
        let told = await events.reduce(into: [Settings.Event]()) { $0.append($1.kind) }
        #expect(!told.contains(.seedingDone))
    }

    @Test func aCrashForgetsAnHourOfAQuietSeedAtMost() async throws {
        let box = try await TestBox.open("box", in: scratch)
        let torrent = TestTorrent("Album")
        try torrent.write(to: box.folder)
        let id = try await box.box.add(AddRequest(.manifest(torrent.manifest))).id
        try await box.wait(for: id, "seeds") { $0.state == .seeding && $0.isComplete }
        let seconds = 2 * Int64(Limits.noteAllSeconds)
        for second in 1...seconds { await box.box.tick(now: Seedbox.now + second) }
        var noted: Int64 = 0
        try box.box.stored { store throws(SessionStoreError) in
            try store.eachSeedboxRecord { noted = $0.secondsSeeding }
        }
        #expect(noted > Int64(Limits.noteAllSeconds - 2 * Limits.noteSeconds))
        await box.box.shutdown()
    }

    @Test func aLimitThatIsRaisedIsNotTheReasonAnyMore() async throws {
        let (box, id) = try await paused()
        func reached() -> ReachedLimit? { box.box.catalogue.row(id)?.limitReached }
        var changes = TorrentChanges()
        changes.labels = ["kept"]
        try await box.box.change([id], changes)
        try await box.box.changeSettings(SettingsChanges(["limits": ["up": 2]]))
        #expect(reached() == .ratio)
        var limits = SeedingLimits()
        limits.ratio = .atMost(2)
        changes.seedingLimits = limits
        try await box.box.change([id], changes)
        #expect(reached() == nil)
        #expect(box.box.catalogue.row(id)?.state == .paused)
        await box.box.shutdown()
    }

    @Test func norIsOneOfEverybodyOrOfACategory() async throws {
        let (box, id) = try await paused()
        try await box.box.changeSettings(SettingsChanges(["seeding": ["ratio": 2]]))
        #expect(box.box.catalogue.row(id)?.limitReached == nil)
        await box.box.shutdown()

        var films = Category(name: "films")
        films.seedingLimits.ratio = .atMost(0)
        let (other, film) = try await paused(named: "other") { [films] in $0.categories = [films] }
        films.seedingLimits.ratio = .atMost(2)
        try await other.box.setCategory(films)
        #expect(other.box.catalogue.row(film)?.limitReached == nil)
        await other.box.shutdown()
    }

    @Test func aRuleKnowsWhichLimitStillHolds() {
        var row = TorrentRow(
            id: TorrentID(1), infoHash: .init(v1: .zero), name: "a", folder: "/", state: .paused,
            added: 0)
        row.secondsSeeding = 100
        func rule(_ change: (inout SeedingLimits) -> Void) -> SeedingRule {
            var limits = SeedingLimits()
            change(&limits)
            return SeedingRule([limits])
        }
        #expect(rule { $0.seedTime = .atMost(100) }.stillHolds(.seedTime, for: row))
        #expect(!rule { $0.seedTime = .atMost(101) }.stillHolds(.seedTime, for: row))
        // How long it was idle then is not known.
        #expect(rule { $0.idle = .atMost(9) }.stillHolds(.idle, for: row))
        #expect(!rule { $0.idle = .unlimited }.stillHolds(.idle, for: row))
    }
}
