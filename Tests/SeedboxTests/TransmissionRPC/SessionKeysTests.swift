import JSONText
import Testing
import Units

@testable import Seedbox

@Suite struct SessionKeysTests {
    @Test("what Sonarr reads of a session is there, with a version that it takes")
    func sonarr() throws {
        let keys = values(Settings())
        #expect(keys["rpc-version"]?.integer == 17)
        let version = try #require(keys["version"]?.string)
        #expect(version.hasPrefix("4.0.6 (swarm "))
        for name in ["seedRatioLimit", "idle-seeding-limit"] { #expect(keys[name]?.number != nil) }
        for name in ["seedRatioLimited", "idle-seeding-limit-enabled"] {
            #expect(keys[name]?.bool == false)
        }
        #expect(keys["download-dir"]?.string != nil)
    }

    @Test func aPortThatIsAnyIsTheOneThatWasTaken() throws {
        var settings = Settings()
        settings.network.port = 0
        let keys = SessionKeys(settings, .old, "id", port: 40_000)
        #expect(keys.all.contains { $0.name == "peer-port" && $0.value == 40_000 })
        #expect(
            keys.all.contains { $0.name == "peer-port-random-on-start" && $0.value == true })
        // Sent back, it is not taken for a wish.
        #expect(
            try keys.settings(after: RPCArguments(["peer-port": 40_000]), from: settings)
                == settings)
        #expect(
            try keys.settings(after: RPCArguments(["peer-port": 40_001]), from: settings)
                .network.port == 40_001)
    }

    @Test("whoever sends back what it was told changes nothing")
    func roundTrip() throws {
        for settings in [Settings(), limited()] {
            let keys = SessionKeys(settings, .old, "id")
            #expect(
                try keys.settings(after: RPCArguments(.object(keys.all)), from: settings)
                    == settings)
        }
    }

    @Test func limitsAreSetAndLifted() throws {
        var settings = try changed(
            #"{"speed-limit-down":50,"speed-limit-down-enabled":true,"alt-speed-enabled":true}"#)
        #expect(settings.limits.down == ByteRate(bytesPerSecond: 50_000))
        #expect(settings.limits.alternativeIsOn)
        // What was shown as the limit is the limit.
        #expect(settings.limits.alternativeUp == ByteRate(bytesPerSecond: 100_000))
        settings = try changed(#"{"speed-limit-down-enabled":false}"#, settings)
        #expect(settings.limits.down == nil)
        settings = try changed(#"{"speed-limit-up-enabled":true}"#, settings)
        #expect(settings.limits.up == ByteRate(bytesPerSecond: 100_000))
    }

    @Test func theScheduleHasTransmissionsDays() throws {
        // Sunday and Monday.
        let settings = try changed(
            """
            {"alt-speed-time-enabled":true,"alt-speed-time-begin":60,"alt-speed-time-end":120,\
            "alt-speed-time-day":3}
            """)
        #expect(
            settings.limits.schedule.spans == [
                WeekSchedule.Span(days: [.sunday, .monday], from: 60, until: 120)
            ])
        #expect(values(settings)["alt-speed-time-day"]?.integer == 3)
        let off = try changed(#"{"alt-speed-time-enabled":false}"#, settings)
        #expect(off.limits.schedule.spans.isEmpty)
    }

    @Test func stalledDownloadsFreeTheirPlacesOrNot() throws {
        let off = try changed(#"{"queue-stalled-enabled":false}"#, Settings())
        #expect(off.queue.stalledMinutes == nil)
        let minutes = try changed(
            #"{"queue-stalled-enabled":true,"queue-stalled-minutes":5}"#, off)
        #expect(minutes.queue.stalledMinutes == 5)
        let on = try changed(#"{"queue-stalled-enabled":true}"#, off)
        #expect(on.queue.stalledMinutes == 30)
    }

    @Test func queuesAreTurnedOnEachByItself() throws {
        var settings = Settings()
        settings.queue.isOn = false
        let on = try changed(
            #"{"seed-queue-enabled":true,"seed-queue-size":3}"#, settings)
        #expect(on.queue.isOn)
        #expect(on.queue.activeSeeds == 3)
        #expect(on.queue.activeDownloads == nil)
        let off = try changed(#"{"seed-queue-enabled":false}"#, on)
        #expect(off.queue.activeSeeds == nil)
    }

    @Test func seedingLimitsAreSetAndLifted() throws {
        let on = try changed(
            """
            {"seedRatioLimit":1.5,"seedRatioLimited":true,"idle-seeding-limit":10,\
            "idle-seeding-limit-enabled":true}
            """)
        #expect(on.seeding.ratio == .atMost(1.5))
        #expect(on.seeding.idle == .atMost(600))
        let off = try changed(#"{"seed_ratio_limited":false}"#, on)
        #expect(off.seeding.ratio == .unlimited)
        #expect(off.seeding.idle == .atMost(600))
    }

    @Test(
        "what cannot be done is not silently left undone",
        arguments: [
            #"{"utp-enabled":true}"#, #"{"encryption":"required"}"#, #"{"cache-size-mb":64}"#,
            #"{"script-torrent-done-filename":"/bin/sh"}"#, #"{"incomplete-dir-enabled":true}"#,
            #"{"peer-port":65536}"#, #"{"alt-speed-time-begin":1440}"#, #"{"download-dir":"a"}"#,
        ])
    func refuses(text: String) {
        #expect(throws: RPCFailure.self) { try changed(text) }
    }

    @Test func theNewSpellingHasNamesOfItsOwn() {
        let keys = SessionKeys(Settings(), .new, "id").all
        let names = keys.map { Spelling.new.name($0.name) }
        #expect(Set(names).count == names.count)
        #expect(names.allSatisfy { $0 == $0.lowercased() && !$0.contains("-") })
        #expect(keys.first { $0.name == "rpc-version-semver" }?.value == "6.0.0")
    }

    // MARK: -

    private func limited() -> Settings {
        var settings = Settings()
        settings.limits.down = ByteRate(bytesPerSecond: 123_000)
        settings.limits.schedule = WeekSchedule([
            WeekSchedule.Span(days: [.friday], from: 60, until: 30),
            WeekSchedule.Span(days: [.sunday], from: 0, until: 30),
        ])
        settings.queue.activeSeeds = 7
        settings.seeding.ratio = .atMost(2.5)
        settings.seeding.idle = .atMost(1800)
        settings.hooks.completed = ["/bin/true"]
        settings.adding.startsPaused = true
        return settings
    }

    private func values(_ settings: Settings) -> [String: JSON] {
        Dictionary(
            SessionKeys(settings, .old, "id").all.map { ($0.name, $0.value) },
            uniquingKeysWith: { first, _ in first })
    }

    private func changed(_ text: String, _ settings: Settings = Settings()) throws -> Settings {
        try SessionKeys(settings, .old, "id").settings(
            after: RPCArguments(try JSON(parsing: Array(text.utf8))), from: settings)
    }
}
