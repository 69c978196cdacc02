import ArgumentParser
import FoundationEssentials
import JSONText
import Seedbox
import Terminal

struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Look at the settings of the daemon, or change them.",
        subcommands: [ConfigShow.self, ConfigCheck.self, ConfigSet.self, ConfigUnset.self])
}

struct ConfigShow: ParsableCommand, TakesSettings {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Write every setting, and where its value comes from.",
        discussion: """
            What is written is a file of settings that says the same; secrets are left out. Below \
            a value that was changed at run time stands what it hides.
            """)

    @OptionGroup(title: "Settings") var settings: SettingsOptions
    @OptionGroup(title: "Output") var global: GlobalOptions

    func run() throws {
        let console = global.configuredConsole()
        let loaded = try settings.loaded(global.places, ProcessInfo.processInfo.environment)
            .withKeptChanges()
        guard !global.json else { return try console.print(loaded.json) }
        var lines: [StyledLine] = []
        for key in SettingKey.all {
            let value = "\(key.name) = \(key.tomlText(loaded.settings))"
            let gap = String(repeating: " ", count: max(1, 44 - value.count))
            var line = StyledLine(value)
            line.append(gap + "# " + terminalSafe("\(loaded.origin(of: key))"), .dim)
            lines.append(line)
            let things = loaded.hidden.filter {
                $0.name == key.name || $0.name.hasPrefix(key.name + ".")
            }
            lines += things.map { hidden in
                let said = "#   hides \(hidden.name) = \(hidden.tomlText) of \(hidden.origin)"
                return StyledLine(terminalSafe(said), .dim)
            }
        }
        try console.print(lines)
    }
}

struct ConfigCheck: ParsableCommand, TakesSettings {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether the daemon could start with its settings.",
        discussion: "Ends with status 3, and says of every mistake where it is and what, if it "
            + "could not, or would take nothing from a watch folder. Variables that begin with "
            + "SWARM_ and that nobody reads are warned of.")

    @OptionGroup(title: "Settings") var settings: SettingsOptions
    @OptionGroup(title: "Output") var global: GlobalOptions

    func run() throws {
        let console = global.configuredConsole()
        let environment = ProcessInfo.processInfo.environment
        try Self.tell(settings.sources(global.places, environment).mistakes(), console)
        let loaded = try settings.loaded(global.places, environment)
        do throws(SettingsError) { _ = try loaded.withSecrets() } catch { throw Failure(error) }
        let changed = loaded.withKeptChanges()
        try Self.tell(changed.strayCategories, console)
        let hidden = changed.hidden
        let unread = EnvironmentArguments.unread(environment)
        for variable in unread { console.warn(variable.words) }
        if global.json {
            return try console.print([
                "ok": true, "file": .optional(loaded.file), "hidden": .array(hidden.map(\.json)),
                "unread": .strings(unread.map(\.name)),
            ])
        }
        let place = loaded.file ?? "no file of settings"
        try console.print(terminalSafe("\(place): good"))
        for hidden in hidden {
            console.remark(
                "\(hidden.origin): \(hidden.name) does not hold, as it was changed at run time; "
                    + "see 'swarm help config unset'")
        }
    }
}

extension ConfigCheck {
    /// Tells all of them, each on its line, and ends there if there are any.
    private static func tell(_ mistakes: [SettingsError], _ console: Console) throws {
        for mistake in mistakes { console.report(Failure(mistake)) }
        try EarlyEnd.check(mistakes.isEmpty ? .done : .badConfiguration)
    }
}

struct ConfigSet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change settings of the daemon while it runs.",
        discussion: "swarm config set limits.up=10M queue.active-downloads=4 holds at once, and "
            + "after a restart too. A list is given by naming the setting once for each of its "
            + "elements, and limits.schedule=none empties one; 'swarm config show' names all "
            + "settings. Those that decide over programs, folders or secrets are for whoever "
            + "writes the file.")

    @Argument(
        help: ArgumentHelp("A setting and its value.", valueName: "name=value"),
        completion: .list(
            SettingKey.all.filter { $0.reach == .anyTime }.map { $0.name + "=" }))
    var change: [String]

    @OptionGroup
    var options: RemoteOptions

    func validate() throws {
        for change in change where !change.contains("=") || change.hasPrefix("=") {
            throw ValidationError("\(change): write the setting, = and its value")
        }
    }

    func run() throws {
        let console = options.console()
        let changes = Self.members(change)
        let settings = try options.daemon().changeSettings(.object(changes))
        if options.json { return try console.print(settings) }
        for name in changes.map(\.name) { console.remark(Self.words(name, in: settings)) }
    }

    static func words(_ name: String, in settings: JSON) -> String {
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        let value = parts.reduce(settings as JSON?) { $0?[$1] }
        return "\(name) = \(value.map { $0 == .null ? "none" : $0.text } ?? "")"
    }

    /// `limits.up=10M` as the daemon reads it; what it may be, it says itself. Those of a list are
    /// given one by one.
    static func members(_ changes: [String]) -> [JSON.Member] {
        var members: [(name: String, texts: [String])] = []
        for change in changes {
            let parts = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let (name, text) = (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
            if let place = members.firstIndex(where: { $0.name == name }) {
                members[place].texts.append(text)
            } else {
                members.append((name, [text]))
            }
        }
        return members.map { name, texts in
            guard SettingKey.named(name)?.isList == true else {
                return (name, .string(texts.last ?? ""))
            }
            let isEmpty = ["none", "[]", ""].contains(texts.joined(separator: ",").lowercased())
            return (name, .strings(isEmpty ? [] : texts))
        }
    }
}

struct ConfigUnset: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unset",
        abstract: "Forget what settings were changed to while the daemon ran.",
        discussion: "What config.toml, the environment or an option says of them holds again, at "
            + "once and after a restart; or what holds by default. categories.films is the "
            + "category films alone, and groups.slow the group slow.")

    @Argument(
        help: ArgumentHelp("A setting.", valueName: "name"),
        completion: .list(SettingKey.all.filter { $0.reach == .anyTime }.map(\.name)))
    var name: [String]

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        let console = options.console()
        let daemon = try options.daemon()
        for name in name {
            let settings = try daemon.unsetSetting(name)
            if options.json {
                try console.print(settings)
            } else if SettingKey.named(name) != nil {
                console.remark(ConfigSet.words(name, in: settings))
            } else {
                console.remark("\(name): forgotten")
            }
        }
    }
}
