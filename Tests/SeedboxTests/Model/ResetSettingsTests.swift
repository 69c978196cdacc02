import JSONText
import Testing
import Units

@testable import Seedbox

@Suite struct ResetSettingsTests {
    private let scratch: ModelScratch

    init() throws { scratch = try ModelScratch() }

    @Test func theFileDecidesAgainOverWhatIsReset() async throws {
        let box = try await TestBox.open("box", in: scratch) {
            $0.categories = [Category(name: "linux"), Category(name: "old")]
            $0.limits.up = ByteRate(bytesPerSecond: 1)
            var folder = Settings.WatchFolder(folder: "/watched")
            folder.category = "linux"
            $0.watch = [folder]
        }
        var given = box.box.settings
        try await box.box.changeSettings(SettingsChanges(["limits": ["up": 2]]))
        try await box.box.setCategory(Category(name: "tv"))
        try await box.box.removeCategory("old")
        // What comes from the watch folder would fail.
        await #expect(throws: SeedboxError.self) { try await box.box.removeCategory("linux") }

        given.limits.up = ByteRate(bytesPerSecond: 3)
        given.categories.append(Category(name: "books"))
        try await box.box.reload(given)
        #expect(box.box.settings.limits.up == ByteRate(bytesPerSecond: 2))
        #expect(box.box.categories.map(\.name) == ["linux", "books", "tv"])
        await #expect(throws: SeedboxError.self) { try await box.box.resetSettings(["limits.u"]) }
        try await box.box.resetSettings(["limits.up", "categories.old"])
        #expect(box.box.settings.limits.up == ByteRate(bytesPerSecond: 3))
        #expect(box.box.categories.map(\.name) == ["linux", "old", "books", "tv"])
        try await box.box.resetSettings(["categories"])
        #expect(box.box.settings == given)
        await box.box.shutdown()

        let again = try await TestBox.open("box", in: scratch)
        #expect(again.box.settings.limits.up == nil)
        #expect(again.box.categories.isEmpty)
        await again.box.shutdown()
    }

    @Test func noChangeIsLostToOneThatTakesLonger() async throws {
        let other = try await TestBox.open("other", in: scratch).box
        let port = other.port
        await other.shutdown()
        let box = try await TestBox.open("box", in: scratch).box
        let names = Set((0..<20).map { "category \($0)" })
        await withTaskGroup { group in
            group.addTask {
                // Somebody else may have it by now; the others lose nothing by that either.
                try? await box.changeSettings(
                    SettingsChanges(["network": ["port": .integer(Int64(port))]]))
            }
            for name in names {
                group.addTask { try? await box.setCategory(Category(name: name)) }
            }
        }
        #expect(Set(box.categories.map(\.name)) == names)
        await box.shutdown()
        let again = try await TestBox.open("box", in: scratch) { $0.network.port = 0 }.box
        #expect(Set(again.categories.map(\.name)) == names)
        await again.shutdown()
    }

    /// A schedule that has the alternative limits on, and neither begins nor ends today.
    private static func schedule(daysAround: Int) -> WeekSchedule {
        let today = Seedbox.minuteOfWeek(now: Seedbox.now) / WeekSchedule.minutesOfDay
        let days = (-daysAround...daysAround).compactMap {
            WeekSchedule.Weekday(rawValue: (today + 7 + $0) % 7)
        }
        return WeekSchedule([WeekSchedule.Span(days: Set(days), from: 0, until: 0)])
    }

    @Test func whatIsDoneByHandAgainstTheScheduleLeavesNothingBehind() async throws {
        let box = try await TestBox.open("box", in: scratch) {
            $0.limits.schedule = Self.schedule(daysAround: 1)
        }.box
        func turn(_ isOn: Bool, _ value: JSON? = nil) async throws {
            let value = value ?? .bool(isOn)
            try await box.changeSettings(SettingsChanges(["limits": ["alternative": value]]))
            #expect(box.settings.limits.alternativeIsOn == isOn)
            #expect(box.statistics.usesAlternativeLimits == isOn)
            #expect(box.statistics.alternativeDecision == .hand)
        }
        func expectSchedule() {
            #expect(box.statistics.usesAlternativeLimits)
            #expect(box.statistics.alternativeDecision == .schedule)
        }
        try await turn(false)
        try await box.resetSettings(["limits.alternative"])
        expectSchedule()
        try await turn(false)
        var given = box.settings
        given.limits.schedule = Self.schedule(daysAround: 2)
        try await box.reload(given)
        expectSchedule()
        try await turn(false, "off")
        try await turn(true)
        #expect(await box.changes.isEmpty)
        try await box.changeSettings(SettingsChanges(["limits": ["up": 2]]))
        #expect(box.settings.limits.alternativeIsOn)
        await box.followRates(now: Seedbox.now + 4 * 86_400)
        #expect(!box.settings.limits.alternativeIsOn)
        try await turn(true)
        try await box.changeSettings(SettingsChanges(["limits": ["schedule": []]]))
        #expect(!box.statistics.usesAlternativeLimits)
        await box.shutdown()
    }
}
