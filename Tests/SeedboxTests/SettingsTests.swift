import JSONText
import Testing
import Units

@testable import Seedbox

@Suite struct SettingsTests {
    @Test func allSettingsCanBeReadAsTheyAreWritten() throws {
        for key in SettingKey.all {
            var settings = Settings()
            settings.storage.downloadFolder = "/d"
            settings.storage.stateFolder = "/s"
            let before = settings
            try key.field.read(key.field.write(settings, false), &settings)
            #expect(settings == before, "\(key.name)")
        }
    }

    @Test func namesAreThereOnce() {
        #expect(Set(SettingKey.all.map(\.name)).count == SettingKey.all.count)
        let variables = SettingKey.all.flatMap(\.variables)
        #expect(Set(variables).count == variables.count)
    }

    @Test func ratesAndSizesHaveUnits() throws {
        let changes = try SettingsChanges([
            "limits": ["down": "10M", "up": "80mbit", "alternative-up": 5_000],
            "storage": ["minimum-free": "1.5G"],
            "seeding": ["time": "2h", "ratio": .number(1.5), "idle": .null],
        ])
        let settings = try Settings().applying(changes)
        #expect(settings.limits.down == ByteRate(bytesPerSecond: 10 << 20))
        #expect(settings.limits.up == ByteRate(bytesPerSecond: 10_000_000))
        #expect(settings.limits.alternativeUp == ByteRate(bytesPerSecond: 5_000))
        #expect(settings.storage.minimumFree == 3 << 29)
        #expect(settings.seeding.seedTime == .atMost(7_200))
        #expect(settings.seeding.ratio == .atMost(1.5))
        #expect(settings.seeding.idle == .unlimited)
    }

    @Test(
        arguments: [
            (
                ["limits": ["dwon": 1]], "limits.dwon",
                "unknown key 'limits.dwon'; did you mean 'limits.down'?"
            ),
            (["limits": ["down": "fast"]], "limits.down", "\(ValueFault.notARate)"),
            (["limits": ["down": -1]], "limits.down", "\(ValueFault.notARate)"),
            (["queue": ["enabled": 1]], "queue.enabled", "write true or false"),
            (
                ["categories": [["nme": "x"]]], "categories[0].nme",
                "unknown key 'nme'; did you mean 'name'?"
            ),
            (["categories": [["folder": "/x"]]], "categories[0]", "'name' is missing"),
            (
                ["categories": [["name": "x"], ["name": "x"]]], "categories",
                "'x' stands there twice"
            ),
            (
                ["storage": ["download-folder": "x"]], "storage.download-folder",
                "write a path from the root, or from ~/"
            ),
            (
                ["storage": ["download-folder": "/a/../etc"]], "storage.download-folder",
                "write the path without '..'"
            ),
            (
                ["log": ["level": "loud"]], "log.level",
                "write one of trace, debug, info, notice, warning, error"
            ),
        ] as [(JSON, String, String)])
    func wrongValuesAreNamed(_ json: JSON, _ field: String, _ reason: String) {
        #expect(throws: SeedboxError.badValue(field: field, reason: reason)) {
            try SettingsChanges(json)
        }
    }

    @Test("R8 programs, folders and secrets cannot be changed by those who speak to the daemon")
    func onlyTheFileDecidesOverPrograms() {
        for name in [
            "hooks.added", "hooks.completed", "hooks.seeding-done", "webhooks", "watch",
            "api.listen", "api.password", "api.tokens", "storage.allowed-roots",
            "storage.state-folder", "network.private-urls", "api.allowed-hosts",
        ] {
            #expect(SettingKey.named(name)?.reach != .anyTime, "\(name)")
        }
        #expect(throws: SeedboxError.self) {
            try SettingsChanges(["hooks": ["added": ["/bin/sh", "-c", "id"]]])
        }
    }

    @Test func changesAreWhatTellsSettingsApart() throws {
        var wanted = Settings()
        wanted.limits.down = ByteRate(bytesPerSecond: 7)
        wanted.categories = [Category(name: "films")]
        var changes = SettingsChanges(from: Settings(), to: wanted)
        #expect(changes.names == ["categories", "limits.down"])
        #expect(try Settings().applying(changes) == wanted)
        #expect(SettingsChanges(stored: changes.text) == changes)

        var later = SettingsChanges()
        try later.reset("limits.down")
        changes.merge(later)
        #expect(changes.names == ["categories"])
    }

    private static func settings(_ categories: [String: Double]) -> Settings {
        var settings = Settings()
        settings.categories = categories.sorted { $0.key < $1.key }.map { name, ratio in
            var category = Category(name: name)
            category.seedingLimits.ratio = .atMost(ratio)
            return category
        }
        return settings
    }

    @Test func categoriesAreChangedOneByOne() throws {
        let given = Self.settings(["a": 1, "b": 1, "c": 1])
        let changes = SettingsChanges(from: given, to: Self.settings(["a": 1, "b": 2, "d": 4]))
        #expect(changes.names == ["categories"])
        let kept = SettingsChanges(stored: changes.text)
        #expect(kept == changes)
        // What the file says of others holds, whenever it says it.
        let later = Self.settings(["a": 9, "b": 9, "c": 9, "e": 9])
        #expect(
            try Set(later.applying(kept).categories)
                == Set(Self.settings(["a": 9, "b": 2, "d": 4, "e": 9]).categories))

        var more = kept
        more.merge(try SettingsChanges(["categories": ["e": .null, "f": ["ratio": 5]]]))
        #expect(
            try Set(later.applying(more).categories)
                == Set(Self.settings(["a": 9, "b": 2, "d": 4, "f": 5]).categories))
        var reset = SettingsChanges()
        try reset.reset("categories.b")
        try reset.reset("categories.c")
        try reset.reset("categories.d")
        more.merge(reset)
        #expect(
            try Set(later.applying(more).categories)
                == Set(Self.settings(["a": 9, "b": 9, "c": 9, "f": 5]).categories))
        try reset.reset("categories")
        more.merge(reset)
        #expect(more.isEmpty)
    }

    @Test func aWholeListIsWhatItChangesOfTheOneThatHolds() throws {
        let given = Self.settings(["a": 1, "b": 1])
        let whole = try SettingsChanges([
            "categories": [["name": "b", "ratio": 1], ["name": "c", "ratio": 3]]
        ])
        let changes = whole.byThing(over: given)
        #expect(try given.applying(changes) == given.applying(whole))
        #expect(
            try Self.settings(["a": 5, "b": 5]).applying(changes).categories
                == Self.settings(["b": 5, "c": 3]).categories)
        // What is not there needs no removal: who writes it into the file later wants it.
        let needed = changes.removing(onlyFrom: Self.settings(["b": 1]))
        #expect(
            try given.applying(needed).categories
                == Self.settings(["a": 1, "b": 1, "c": 3]).categories)
        #expect(changes.removing(onlyFrom: given) == changes)
    }

    @Test(arguments: [1_000, 1_001]) func noMoreAreChangedThanAListCanHave(_ count: Int) {
        let changes: JSON = [
            "groups": .object((0..<count).map { (name: "g\($0)", value: .object([])) })
        ]
        #expect(((try? SettingsChanges(changes)) == nil) == (count > 1_000))
    }

    @Test(arguments: ["limits.upp", "categories.", "watch.a", "limits", ""])
    func whatIsNoSettingCannotBeReset(_ name: String) {
        var changes = SettingsChanges()
        #expect(throws: SeedboxError.self) { try changes.reset(name) }
    }

    @Test func whatIsKeptAndDoesNotHoldAnyMoreIsLeftOut() {
        let kept = SettingsChanges(stored: #"{"limits.down":7,"log.level":"loud","no.more":1}"#)
        let (settings, leftOut) = Settings().restoring(kept)
        #expect(settings.limits.down == ByteRate(bytesPerSecond: 7))
        #expect(leftOut == ["log.level"])
    }

    @Test func secretsAreNotShown() throws {
        var settings = Settings()
        settings.api.password = "geheim"
        var token = Settings.Token(name: "a")
        token.token = "geheim"
        settings.api.tokens = [token]
        settings.webhooks = [Settings.Webhook(url: "https://u:geheim@example.org/geheim?x=geheim")]
        #expect(!settings.json.text.contains("geheim"))
        #expect(settings.json["webhooks"]?.text.contains("https://example.org/(hidden)") == true)
    }
}

@Suite struct WeekScheduleTests {
    @Test(arguments: [
        "mon-fri 08:00-18:00", "sat,sun 22:00-06:00", "daily 01:30-07:00", "wed 00:00-24:00",
    ])
    func readsWhatItWrites(_ text: String) throws {
        #expect(try #require(WeekSchedule.Span(text)).text == text)
    }

    @Test func aSpanEndsAtTheMidnightAfterItsDay() throws {
        #expect(try #require(WeekSchedule.Span("daily 00:00-00:00")).text == "daily 00:00-24:00")
    }

    @Test(arguments: [
        "", "mon", "mon 8-18", "mon 08:00", "mon 24:00-01:00", "xyz 01:00-02:00",
        "mon 08:60-09:00", "mon 08:00-25:00", "mon- 01:00-02:00", "mon +8:00-09:00",
    ])
    func refusesWhatIsNoSpan(_ text: String) {
        #expect(WeekSchedule.Span(text) == nil)
    }

    @Test func goesOverMidnightAndTheEndOfTheWeek() throws {
        let schedule = WeekSchedule([try #require(WeekSchedule.Span("sun 22:00-06:00"))])
        let sunday = 6 * WeekSchedule.minutesOfDay
        #expect(!schedule.contains(minuteOfWeek: sunday + 22 * 60 - 1))
        #expect(schedule.contains(minuteOfWeek: sunday + 22 * 60))
        #expect(schedule.contains(minuteOfWeek: 0))
        #expect(schedule.contains(minuteOfWeek: 6 * 60 - 1))
        #expect(!schedule.contains(minuteOfWeek: 6 * 60))
    }
}
