import ArgumentParser
import FoundationEssentials
import JSONText
import Seedbox
import Terminal

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the settings of the daemon.",
        subcommands: [ConfigShow.self, ConfigCheck.self])
}

struct ConfigShow: ParsableCommand, TakesSettings {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Write every setting, and where its value comes from.",
        discussion: """
            What is written is a file of settings that says the same; secrets are left out.
            """)

    @OptionGroup(title: "Settings") var settings: SettingsOptions
    @OptionGroup(title: "Output") var global: GlobalOptions

    func run() throws {
        let console = global.configuredConsole()
        let loaded = try settings.loaded(ProcessInfo.processInfo.environment).withKeptChanges()
        guard !global.json else { return try console.print(loaded.json) }
        var lines: [StyledLine] = []
        for key in SettingKey.all {
            let value = "\(key.name) = \(key.tomlText(loaded.settings))"
            let gap = String(repeating: " ", count: max(1, 44 - value.count))
            var line = StyledLine(value)
            line.append(gap + "# " + terminalSafe("\(loaded.origin(of: key))"), .dim)
            lines.append(line)
        }
        try console.print(lines)
    }
}

struct ConfigCheck: ParsableCommand, TakesSettings {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether the daemon could start with its settings.",
        discussion: "Ends with status 3, and says where and what, if it could not.")

    @OptionGroup(title: "Settings") var settings: SettingsOptions
    @OptionGroup(title: "Output") var global: GlobalOptions

    func run() throws {
        let console = global.configuredConsole()
        let environment = ProcessInfo.processInfo.environment
        let loaded = try settings.loaded(environment)
        do throws(SettingsError) { _ = try loaded.withSecrets() } catch { throw Failure(error) }
        if global.json {
            return try console.print(["ok": true, "file": .optional(loaded.file)])
        }
        let place = loaded.file ?? "no file of settings"
        try console.print(terminalSafe("\(place): good"))
    }
}
