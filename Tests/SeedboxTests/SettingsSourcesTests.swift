import Glibc
import JSONText
import Testing
import Units

@testable import Seedbox

@Suite struct SettingsSourcesTests {
    private static let home = ["HOME": "/home/u"]

    /// What a file with this text is understood as.
    private func load(
        _ text: String?, environment: [String: String] = home,
        options: [SettingsSources.Option] = [], in folder: Scratch? = nil
    ) throws -> LoadedSettings {
        let folder = try folder ?? Scratch()
        var sources = SettingsSources()
        sources.environment = environment
        sources.options = options
        if let text { sources.file = try folder.write(text, to: "config.toml") }
        return try sources.load()
    }

    /// The complaint about it, without the folder.
    private func complaint(
        _ text: String, environment: [String: String] = home,
        options: [SettingsSources.Option] = []
    ) throws -> String {
        let folder = try Scratch()
        do {
            _ = try load(text, environment: environment, options: options, in: folder)
            return "no complaint"
        } catch {
            return "\(error)".replacing(folder.path + "/", with: "")
        }
    }

    @Test func withoutAnythingSaidThereAreSettingsToStartWith() throws {
        let loaded = try load(nil)
        #expect(loaded.settings.storage.downloadFolder == "/home/u/Downloads")
        #expect(loaded.settings.storage.stateFolder == "/home/u/.local/state/swarm")
        #expect(loaded.settings.api.listen == HostPort(host: "127.0.0.1", port: 9091))
        let moved = try load(nil, environment: ["HOME": "/h", "XDG_STATE_HOME": "/s"])
        #expect(moved.settings.storage.stateFolder == "/s/swarm")
    }

    @Test func aFileOfEverythingIsUnderstood() throws {
        let loaded = try load(
            """
            # A comment with 'quotes" in it.
            groups = [{ name = "slow", up = "100k" }]

            [network]
            port = 6881
            dht-bootstrap = ["127.0.0.1:6881"]

            [limits]
            down = "80mbit"
            schedule = ["mon-fri 08:00-18:00", "sat 10:00-12:00"]

            [[categories]]
            name = "films"
            folder = "/data/films"
            ratio = 2

            [[watch]]
            folder = "/data/watch"
            category = "films"

            [[watch]]
            folder = "/data/more"
            interval = "1m"

            [hooks]
            completed = ["/usr/bin/notify", "done"]
            """)
        let settings = loaded.settings
        #expect(settings.network.port == 6881)
        #expect(settings.network.dhtBootstrap == [HostPort(host: "127.0.0.1", port: 6881)])
        #expect(settings.limits.down == ByteRate(bytesPerSecond: 10_000_000))
        #expect(settings.limits.schedule.spans.count == 2)
        #expect(settings.limits.groups.first?.uploadLimit == ByteRate(bytesPerSecond: 102_400))
        #expect(settings.categories.first?.seedingLimits.ratio == .atMost(2))
        #expect(settings.watch.map(\.folder) == ["/data/watch", "/data/more"])
        #expect(settings.watch.last?.interval == .minutes(1))
        #expect(settings.hooks.completed == ["/usr/bin/notify", "done"])
    }

    @Test(arguments: [
        ("x = 1", "config.toml:1:1: unknown key 'x'"),
        (
            "\n[limits]\n  dwon = 1\n",
            "config.toml:3:3: unknown key 'limits.dwon'; did you mean 'limits.down'?"
        ),
        ("[limts]\n", "config.toml:1:2: unknown key 'limts'; did you mean 'limits'?"),
        ("limits = 3", "config.toml:1:1: 'limits' is a table: write [limits]"),
        (
            "[limits]\nup = \"fast\"",
            "config.toml:2:6: limits.up: \(ValueFault.notARate)"
        ),
        (
            "s = \"\"\"\n[limits]\n\"\"\"\n[limits]\ndown = false",
            "config.toml:1:1: unknown key 's'"
        ),
        (
            "queue = { enabled = true, active-seeds = 0 }",
            "config.toml:1:42: queue.active-seeds: write a number from 1 to 1000000"
        ),
        (
            "[[watch]]\nfolder = \"/a\"\n[[watch]]\nfolder = \"/b\"\nlabel = 1",
            "config.toml:5:1: unknown key 'label'; did you mean 'labels'?"
        ),
        (
            "[[watch]]\nfolder = \"/a\"\n[[watch]]\nfolder = \"~~\"",
            "config.toml:4:10: watch[1].folder: write a path from the root, or from ~/"
        ),
        (
            "[limits]\nschedule = [\n  \"daily 01:00-02:00\", # night\n  \"never\",\n]",
            "config.toml:4:3: limits.schedule[1]: write days and times as \"mon-fri 08:00-18:00\""
        ),
        (
            "[[api.tokens]]\nname = \"a\"",
            "config.toml:1:3: api.tokens[0]: write either 'token' or 'token-file'"
        ),
        (
            "[log]\nlevel = 1979-05-27",
            "config.toml:2:9: log.level: write one of trace, debug, info, notice, warning, error"
        ),
    ])
    func errorsSayWhereAndWhat(_ text: String, _ expected: String) throws {
        #expect(try complaint(text) == expected)
    }

    @Test func whatIsNoTOMLIsToldWithItsPlace() throws {
        let said = try complaint("[limits]\ndown = = 3\n")
        #expect(said.hasPrefix("config.toml:2:8: not TOML: "), "\(said)")
        #expect(try complaint("a = 1\na = 2").hasPrefix("config.toml:2:"))
    }

    @Test func theEnvironmentWinsOverTheFileAndOptionsOverBoth() throws {
        let file = "[network]\nport = 1\nbind = \"192.0.2.1\"\n[limits]\nup = \"1M\"\n"
        let loaded = try load(
            file,
            environment: [
                "HOME": "/h", "SWARM_PORT": "2", "SWARM_LIMITS_UP": "2M", "SWARM_API": "",
            ],
            options: [.init("--port", sets: "network.port", to: ["3"])])
        #expect(loaded.settings.network.port == 3)
        #expect(loaded.settings.limits.up == ByteRate(bytesPerSecond: 2 << 20))
        #expect(loaded.settings.network.bind == "192.0.2.1")
        let origin = { SettingKey.named($0).map { "\(loaded.origin(of: $0))" } ?? "" }
        #expect(origin("network.port") == "--port")
        #expect(origin("limits.up") == "SWARM_LIMITS_UP")
        #expect(origin("network.bind").hasSuffix("config.toml:3:8"))
        #expect(origin("network.dht") == "default")
    }

    @Test func whatAChangeAtRunTimeHidesIsNamed() throws {
        let loaded = try load(
            """
            [limits]
            up = "1M"
            down = "2M"

            [[categories]]
            name = "films"
            ratio = 1

            [[categories]]
            name = "music"
            """)
        let changes = try SettingsChanges([
            "limits": ["up": 5, "down": "2M", "alternative-up": 7],
            "categories": ["films": ["ratio": 2], "books": ["ratio": 3]],
        ])
        let restored = loaded.restoring(changes).loaded
        #expect(restored.hidden.map(\.name).sorted() == ["categories.films", "limits.up"])
        let up = try #require(restored.hidden.first { $0.name == "limits.up" })
        #expect(up.tomlText == "1048576")
        #expect("\(up.origin)".hasSuffix("config.toml:2:6"))
        let origin = { SettingKey.named($0).map { "\(restored.origin(of: $0))" } ?? "" }
        #expect(origin("limits.up") == "changed at run time")
        #expect(origin("limits.alternative-up") == "changed at run time")
        #expect(origin("categories").hasSuffix(", and changed at run time"))
        let films = try #require(restored.hidden.first { $0.name == "categories.films" })
        #expect("\(films.origin)".hasSuffix("config.toml:5:3"))
        #expect(restored.settings.categories.map(\.name) == ["films", "music", "books"])
        #expect(loaded.hidden.isEmpty)
    }

    @Test func wrongValuesOfEnvironmentAndOptionsNameThem() throws {
        #expect(
            try complaint("", environment: ["HOME": "/h", "SWARM_PORT": "x"])
                == "SWARM_PORT: write a port, 0 to 65535")
        #expect(
            try complaint("", options: [.init("--port", sets: "network.port", to: ["70000"])])
                == "--port: write a port, 0 to 65535")
    }

    @Test func aListOfTheEnvironmentIsCutAtSpaces() throws {
        let loaded = try load(nil, environment: ["HOME": "/h", "SWARM_WATCH": "/a /b"])
        #expect(loaded.settings.watch.map(\.folder) == ["/a", "/b"])
    }

    @Test("R3 an address that others can reach is refused without a password or token")
    func othersMayNotComeInWithoutASecret() throws {
        let open = "[api]\nlisten = \"0.0.0.0:9091\"\n"
        #expect(try complaint(open).contains("can be reached by others"))
        #expect(try complaint("[api]\nlisten = \"[::]:9091\"").contains("can be reached by others"))
        #expect(try complaint("[api]\nlisten = \"box.example:9091\"").contains("can be reached"))
        #expect(throws: Never.self) { try load("[api]\nlisten = \"[::1]:9091\"") }
        #expect(throws: Never.self) {
            try load(open, environment: ["HOME": "/h", "SWARM_PASSWORD": "geheim"])
        }
    }

    @Test func secretsComeFromFilesAndTheServiceManager() throws {
        let folder = try Scratch()
        let file = try folder.write("geheim\nnot this\n", to: "password")
        var loaded = try load(nil, environment: ["HOME": "/h", "SWARM_PASSWORD_FILE": file])
        #expect(try loaded.withSecrets().api.password == "geheim")
        loaded = try load(
            nil, environment: ["HOME": "/h", "CREDENTIALS_DIRECTORY": folder.path])
        #expect(try loaded.withSecrets().api.password == "geheim")
        loaded = try load(nil, environment: ["HOME": "/h", "SWARM_PASSWORD_FILE": "/none/such"])
        #expect(throws: SettingsError.self) { try loaded.withSecrets() }
    }

    @Test func aFileThatWasNamedMustBeThere() throws {
        var sources = SettingsSources()
        sources.environment = Self.home
        sources.file = "/none/such.toml"
        #expect(throws: Never.self) { try sources.load() }
        sources.isFileNamed = true
        #expect(throws: SettingsError.self) { try sources.load() }
    }

    @Test func placesAreFoundWhateverTheTextIs() {
        var dice = SeededGenerator(seed: 7)
        let letters = Array("[[a.b]]\n='\"#{},x \\1")
        for _ in 0..<2_000 {
            let count = Int.random(in: 0..<40, using: &dice)
            let text = String((0..<count).compactMap { _ in letters.randomElement(using: &dice) })
            _ = TOMLPlaces(text)
        }
    }
}

/// A folder that goes with the last reference.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/swarm-seedbox-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw FileFault(code: errno) }
        path = template.withUnsafeBufferPointer { pointer in
            pointer.baseAddress.map { String(cString: $0) } ?? ""
        }
    }

    func write(_ text: String, to name: String) throws -> String {
        let file = path + "/" + name
        guard let stream = fopen(file, "w") else { throw FileFault(code: errno) }
        defer { fclose(stream) }
        guard fputs(text, stream) >= 0 else { throw FileFault(code: errno) }
        return file
    }

    deinit {
        guard let folder = opendir(path) else { return }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            unlink(path + "/" + name)
        }
        closedir(folder)
        rmdir(path)
    }
}
