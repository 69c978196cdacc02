import Foundation
import Testing

@testable import swarm

@Suite(.ownThreads) struct ConfigTests {
    private let swarm: Binary

    init() throws { swarm = Binary(folder: try TemporaryFolder()) }

    @Test func showsEverySettingAndWhereItComesFrom() throws {
        try swarm.folder.file(
            "home/.config/swarm/config.toml",
            "[limits]\ndown = \"10M\"\n[api]\npassword = \"geheim\"\n")
        let shown = try swarm.run(
            "config", "show", "--port", "7000", environment: ["SWARM_LIMITS_UP": "1M"])
        #expect(shown.status == 0)
        let line = { (name: String) in shown.lines.first { $0.hasPrefix(name + " =") } ?? "" }
        #expect(line("limits.down").hasPrefix("limits.down = 10485760 "))
        #expect(line("limits.down").hasSuffix("config.toml:2:8"))
        #expect(line("limits.up").hasSuffix("# SWARM_LIMITS_UP"))
        #expect(line("network.port").hasPrefix("network.port = 7000 "))
        #expect(line("network.port").hasSuffix("# --port"))
        #expect(line("queue.enabled").hasSuffix("# default"))
        #expect(!shown.output.contains("geheim"))
        #expect(!shown.output.contains("\u{1b}"))
    }

    @Test func whatIsShownIsAFileThatSaysTheSame() throws {
        try swarm.folder.file(
            "home/.config/swarm/config.toml",
            """
            [limits]
            schedule = ["mon-fri 08:00-18:00"]
            [seeding]
            ratio = 2.5
            [[categories]]
            name = "films"
            folder = "/data/films"
            """)
        let shown = try swarm.run("config", "show", "--json")
        try swarm.folder.file("copy.toml", try swarm.run("config", "show").output)
        let again = try swarm.run("config", "show", "--json", "--config", "copy.toml")
        #expect(again.status == 0, "\(again.error)")
        let settings = try [shown, again].map { outcome -> String in
            let data = try JSONSerialization.data(
                withJSONObject: outcome.objects().first?["settings"] ?? [:],
                options: .sortedKeys)
            return String(decoding: data, as: UTF8.self)
        }
        #expect(settings.first == settings.last)
    }

    @Test func badSettingsEndWithStatusThreeAndTheirPlace() throws {
        try swarm.folder.file("c.toml", "[limits]\ndwon = 1\n")
        let checked = try swarm.run("config", "check", "--config", "c.toml")
        #expect(checked.status == 3)
        #expect(checked.output.isEmpty)
        #expect(checked.error.hasPrefix("swarm: "))
        #expect(
            checked.error.hasSuffix(
                "/c.toml:2:1: unknown key 'limits.dwon'; did you mean 'limits.down'?\n"))
        let json = try swarm.run("config", "check", "--config", "c.toml", "--json")
        #expect(json.error.hasPrefix(#"{"error":{"code":3,"#))
    }

    @Test func goodSettingsAreSaidToBeGood() throws {
        let none = try swarm.run("config", "check")
        #expect(none.status == 0)
        #expect(none.output == "no file of settings: good\n")
        let missing = try swarm.run("config", "check", "--config", "none.toml")
        #expect(missing.status == 3)
        try swarm.folder.file("home/.config/swarm/config.toml", "x = 1\n")
        #expect(try swarm.run("config", "check").status == 3)
        #expect(try swarm.run("config", "check", "--no-config").status == 0)
    }

    @Test func allMistakesAreToldAtOnce() throws {
        try swarm.folder.file(
            "c.toml", "foo = 1\n[network]\nport = 70000\n[limits]\nup = \"fast\"\ndown = \"1M\"\n")
        let checked = try swarm.run(
            "config", "check", "--config", "c.toml", "--max-peers", "0",
            environment: ["SWARM_QUEUE_ENABLED": "maybe"])
        #expect(checked.status == 3)
        let lines = checked.error.split(separator: "\n")
        let starts = [
            "/c.toml:1:1: unknown key 'foo'", "/c.toml:3:8: network.port: ",
            "/c.toml:5:6: limits.up: ", "SWARM_QUEUE_ENABLED: ", "--max-peers: ",
        ]
        #expect(lines.count == starts.count, "\(checked.error)")
        for (line, start) in zip(lines, starts) { #expect(line.contains(start)) }
    }

    @Test func aFolderWhoseCategoryIsNotThereIsAMistake() throws {
        let watch = "[[watch]]\nfolder = \"/a\"\n[[watch]]\nfolder = \"/b\"\ncategory = \"filsm\"\n"
        try swarm.folder.file("c.toml", watch + "[[categories]]\nname = \"films\"\n")
        let checked = try swarm.run("config", "check", "--config", "c.toml")
        #expect(checked.status == 3)
        #expect(
            checked.error.hasSuffix(
                "/c.toml:3:3: watch[1].category: there is no category 'filsm'; "
                    + "did you mean 'films'?\n"), "\(checked.error)")
        try swarm.folder.file("c.toml", watch + "[[categories]]\nname = \"filsm\"\n")
        #expect(try swarm.run("config", "check", "--config", "c.toml").status == 0)
    }

    @Test func variablesThatNobodyReadsAreToldOf() throws {
        let environment = [
            "SWARM_LIMITS_UPP": "1M", "SWARM_TORRENT_NAME": "x", "SWARM_STALL_TIMEOUT": "1h",
        ]
        let checked = try swarm.run("config", "check", environment: environment)
        #expect(checked.status == 0)
        #expect(
            checked.error.hasSuffix(
                "SWARM_LIMITS_UPP: nothing is called so; did you mean SWARM_LIMITS_UP?\n"))
        #expect(checked.error.split(separator: "\n").count == 1, "\(checked.error)")
        let json = try swarm.run("config", "check", "--json", environment: environment).objects()
        #expect(json.first?["unread"] as? [String] == ["SWARM_LIMITS_UPP"])
    }

    @Test func theEnvironmentEmptiesListsOfTheFile() throws {
        try swarm.folder.file("c.toml", "[limits]\nschedule = [\"sat 10:00-12:00\"]\n")
        let shown = try swarm.run(
            "config", "show", "--config", "c.toml", environment: ["SWARM_LIMITS_SCHEDULE": "none"])
        #expect(shown.lines.contains { $0.hasPrefix("limits.schedule = [] ") }, "\(shown.error)")
    }

    @Test func wrongOptionsNameThemselves() throws {
        let checked = try swarm.run("config", "check", "--port", "seven")
        #expect(checked.status == 3)
        #expect(checked.error == "swarm: --port: write a port, 0 to 65535\n")
    }

    @Test(
        "R3 others may not come in without a secret, and secrets are read before that is believed")
    func anOpenDoorIsRefused() throws {
        let open = try swarm.run("config", "check", "--api", "0.0.0.0:9091")
        #expect(open.status == 3)
        #expect(open.error.contains("can be reached by others"))
        let missing = try swarm.run(
            "config", "check", "--api", "0.0.0.0:9091",
            environment: ["SWARM_PASSWORD_FILE": "/none/such"])
        #expect(missing.status == 3)
        try swarm.folder.file("password", "geheim\n")
        let closed = try swarm.run(
            "config", "check", "--api", "0.0.0.0:9091",
            environment: ["SWARM_PASSWORD_FILE": swarm.folder.path("password")])
        #expect(closed.status == 0, "\(closed.error)")
    }

    @Test func doctorSaysWhatIsWellAndWhatIsNot() throws {
        let environment = [
            "SWARM_PORT": "0", "SWARM_API": "none", "SWARM_DHT_BOOTSTRAP": "127.0.0.1:1",
            "SWARM_STORAGE_MINIMUM_FREE": "0",
        ]
        let well = try swarm.run("doctor", environment: environment)
        #expect(well.status == 0, "\(well.output)")
        #expect(well.lines.contains { $0.hasPrefix("ok       state folder: ") })
        try swarm.folder.file("plain", "no folder")
        let ill = try swarm.run(
            "doctor", "--download-dir", "plain", "--json", environment: environment)
        #expect(ill.status == 1)
        let findings = try ill.objects().first?["findings"] as? [[String: Any]] ?? []
        let failure = findings.first { $0["verdict"] as? String == "failure" }
        #expect(failure?["subject"] as? String == "downloads")
    }
}
