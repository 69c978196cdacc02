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
}
