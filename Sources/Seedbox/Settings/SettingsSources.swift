import Glibc
import JSONText

/// Where settings come from. The later wins: what the program has by itself, the file, the
/// environment, options.
public struct SettingsSources: Sendable {
    /// An option of the command line, and what was given to it.
    public struct Option: Sendable {
        /// As the user writes it: `--port`.
        public var name: String
        public var key: String
        public var texts: [String]

        public init(_ name: String, sets key: String, to texts: [String]) {
            self.name = name
            self.key = key
            self.texts = texts
        }
    }

    /// The file; nil is none at all.
    public var file: String?
    /// Whether the file must be there, since the user named it.
    public var isFileNamed = false
    public var environment: [String: String] = [:]
    public var options: [Option] = []

    public init() {}

    /// `$XDG_CONFIG_HOME/swarm/config.toml`, or where that is by default; nil if there is no home.
    public static func standardFile(_ environment: [String: String]) -> String? {
        folder("XDG_CONFIG_HOME", under: ".config", environment).map { $0 + "/config.toml" }
    }

    private static func folder(
        _ variable: String, under rest: String, _ environment: [String: String]
    ) -> String? {
        // Relative values are to be ignored, says the XDG base directory specification.
        if let base = environment[variable], base.hasPrefix("/") { return base + "/swarm" }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return "\(home)/\(rest)/swarm"
    }

    /// Reads and checks all of them.
    ///
    /// - Parameter isWhole: Whether a daemon is to start with them, so that nothing may be missing.
    public func load(isWhole: Bool = true) throws(SettingsError) -> LoadedSettings {
        let (loaded, mistakes) = read(isWhole: isWhole)
        if let first = mistakes.first { throw first }
        return loaded
    }

    /// All that is wrong with them, for whoever mends it.
    public func mistakes() -> [SettingsError] { read(isWhole: true).mistakes }

    private func read(isWhole: Bool) -> (loaded: LoadedSettings, mistakes: [SettingsError]) {
        var loaded = LoadedSettings(Self.standard(environment))
        var mistakes: [SettingsError] = []
        takeFile(into: &loaded, &mistakes)
        takeEnvironment(into: &loaded, &mistakes)
        for option in options {
            guard let key = SettingKey.named(option.key) else { continue }
            take(option.texts, key, from: .option(option.name), into: &loaded, &mistakes)
        }
        takeCredential(into: &loaded)
        // What does not go together may do so once the others are mended.
        if mistakes.isEmpty, let fault = loaded.settings.fault(isWhole: isWhole) {
            mistakes.append(loaded.error(fault))
        }
        return (loaded, mistakes)
    }

    private func takeFile(into loaded: inout LoadedSettings, _ mistakes: inout [SettingsError]) {
        do throws(SettingsError) {
            guard let file, let text = try text(of: file) else { return }
            take(try SettingsFile(path: file, text: text), into: &loaded, &mistakes)
            loaded.file = file
        } catch {
            mistakes.append(error)
        }
    }

    /// What holds where nobody says anything, which depends on whose machine it is.
    private static func standard(_ environment: [String: String]) -> Settings {
        var settings = Settings()
        if let home = environment["HOME"], home.hasPrefix("/") {
            settings.storage.downloadFolder = home + "/Downloads"
        }
        settings.storage.stateFolder =
            folder("XDG_STATE_HOME", under: ".local/state", environment) ?? ""
        settings.api.socket = UsualSocket.path(environment)
        return settings
    }

    private func text(of file: String) throws(SettingsError) -> String? {
        switch readSmallFile(file, bytesMax: Limits.settingsFileBytesMax) {
        case .success(let bytes):
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw SettingsError(place: file, reason: "it is not UTF-8")
            }
            return text
        case .failure(let fault):
            if fault.code == ENOENT, !isFileNamed { return nil }
            throw SettingsError(place: file, reason: fault.description)
        }
    }

    private func take(
        _ file: SettingsFile, into loaded: inout LoadedSettings,
        _ mistakes: inout [SettingsError]
    ) {
        for (key, value) in file.values(&mistakes) {
            do throws(SettingFault) { try key.field.read(value, &loaded.settings) } catch {
                mistakes.append(file.error(error, in: key))
                continue
            }
            loaded.origins[key.name] = .file(file.location(of: key))
            for (index, thing) in (value.elements ?? []).enumerated() where thing.members != nil {
                let place = SettingOrigin.file(file.location(of: key, element: index))
                loaded.origins["\(key.name)[\(index)]"] = place
                guard key.isOfNamedThings, let name = thing["name"]?.string else { continue }
                loaded.origins["\(key.name).\(name)"] = place
            }
        }
    }

    private func takeEnvironment(
        into loaded: inout LoadedSettings, _ mistakes: inout [SettingsError]
    ) {
        for key in SettingKey.all {
            // An empty value is how a variable is unset in many service files.
            for variable in key.variables.reversed() {
                guard let text = environment[variable], !text.isEmpty else { continue }
                let separator: (Character) -> Bool =
                    text.contains("\n") ? \.isNewline : \.isWhitespace
                let texts =
                    key.isList ? text.split(whereSeparator: separator).map(String.init) : [text]
                take(texts, key, from: .environment(variable), into: &loaded, &mistakes)
            }
        }
    }

    private func take(
        _ texts: [String], _ key: SettingKey, from origin: SettingOrigin,
        into loaded: inout LoadedSettings, _ mistakes: inout [SettingsError]
    ) {
        let isNone = key.isList && texts.map({ $0.lowercased() }) == ["none"]
        let value: JSON =
            key.isList && !isNone ? .strings(texts) : .string(texts.last ?? "")
        do throws(SettingFault) { try key.field.read(value, &loaded.settings) } catch {
            return mistakes.append(SettingsError(place: "\(origin)", reason: error.reason))
        }
        // Elements of the file's list are none of this one.
        loaded.origins = loaded.origins.filter { !$0.key.hasPrefix(key.name + "[") }
        loaded.origins[key.name] = origin
    }

    /// The service manager hands out secrets as files.
    private func takeCredential(into loaded: inout LoadedSettings) {
        guard loaded.settings.api.password == nil, loaded.settings.api.passwordFile == nil,
            let folder = environment["CREDENTIALS_DIRECTORY"], folder.hasPrefix("/"),
            access(folder + "/password", R_OK) == 0
        else { return }
        loaded.settings.api.passwordFile = folder + "/password"
        loaded.origins["api.password-file"] = .environment("CREDENTIALS_DIRECTORY")
    }
}

/// Who has said what a setting is.
public enum SettingOrigin: Hashable, Sendable, CustomStringConvertible {
    case program
    /// With line and column.
    case file(String)
    case environment(String)
    case option(String)
    case runTime
    /// A list of which something was changed at run time, and who has said the rest.
    case runTimeInPart(String)

    public var description: String {
        switch self {
        case .program: "default"
        case .file(let place): place
        case .environment(let variable): variable
        case .option(let name): name
        case .runTime: "changed at run time"
        case .runTimeInPart(let other): "\(other), and changed at run time"
        }
    }
}

/// Settings, and who has said what.
public struct LoadedSettings: Sendable {
    public internal(set) var settings: Settings
    /// The file that was read.
    public internal(set) var file: String?
    /// What was said and does not hold, as something else was said at run time.
    public private(set) var hidden: [HiddenSetting] = []
    /// By the key's name, or by `categories.films`; what is not there is the program's own.
    var origins: [String: SettingOrigin] = [:]

    init(_ settings: Settings) { self.settings = settings }

    public func origin(of key: SettingKey) -> SettingOrigin { origins[key.name] ?? .program }

    /// Whether somebody has said something of it.
    func isSaid(_ name: String) -> Bool { origins[name] != nil }

    /// These with what was changed at run time and kept.
    public func restoring(_ changes: SettingsChanges) -> (loaded: LoadedSettings, leftOut: [String])
    {
        let changes = changes.byThing(over: settings).removing(onlyFrom: settings)
        var loaded = self
        let (settings, leftOut) = settings.restoring(changes)
        loaded.settings = settings
        for key in SettingKey.all {
            guard let change = changes.values[key.name], !leftOut.contains(key.name) else {
                continue
            }
            guard let origin = origins[key.name] else {
                loaded.origins[key.name] = .runTime
                continue
            }
            let said = key.field.write(self.settings, false)
            if key.isOfNamedThings {
                loaded.origins[key.name] = .runTimeInPart("\(origin)")
                let before = NamedThings.byName(said)
                let after = NamedThings.byName(key.field.write(settings, false))
                for name in (change.members ?? []).map(\.name) where before[name] != after[name] {
                    guard let said = before[name] else { continue }
                    let full = "\(key.name).\(name)"
                    loaded.hidden.append(
                        HiddenSetting(name: full, value: said, origin: origins[full] ?? origin))
                }
            } else {
                loaded.origins[key.name] = .runTime
                guard said != key.field.write(settings, false) else { continue }
                loaded.hidden.append(HiddenSetting(name: key.name, value: said, origin: origin))
            }
        }
        return (loaded, leftOut)
    }

    /// The error of values that do not go together, at the place of the one that is named.
    func error(_ fault: SeedboxError) -> SettingsError {
        guard case .badValue(let field, let reason) = fault else {
            return SettingsError(place: "settings", reason: "\(fault)")
        }
        let name = field.prefix { $0 != "[" }
        let element = field.firstIndex(of: "]").map { String(field[...$0]) } ?? ""
        let origin = (origins[element] ?? origins[String(name)]).map { "\($0): " } ?? ""
        return SettingsError(place: origin + field, reason: reason)
    }

    /// What names a category that there is not: no torrent from there would be taken.
    public var strayCategories: [SettingsError] {
        let names = settings.categories.map(\.name)
        var used = [(field: "adding.category", category: settings.adding.category)]
        for (index, folder) in settings.watch.enumerated() {
            used.append(("watch[\(index)].category", folder.category))
        }
        return used.compactMap { field, category in
            guard let category, !names.contains(category) else { return nil }
            let near = nearest(to: category, among: names).map { "; did you mean '\($0)'?" } ?? ""
            return error(
                .badValue(field: field, reason: "there is no category '\(category)'" + near))
        }
    }

    /// These with what their files of secrets hold in place of the files' names.
    public func withSecrets() throws(SettingsError) -> Settings {
        var settings = settings
        if let file = settings.api.passwordFile {
            settings.api.password = try secret(in: file, "api.password-file")
        }
        for (index, token) in settings.api.tokens.enumerated() {
            guard let file = token.tokenFile else { continue }
            settings.api.tokens[index].token = try secret(in: file, "api.tokens")
            settings.api.tokens[index].tokenFile = nil
        }
        settings.api.passwordFile = nil
        return settings
    }

    private func secret(in file: String, _ key: String) throws(SettingsError) -> String {
        switch readSmallFile(file, bytesMax: Limits.secretFileBytesMax) {
        case .failure(let fault):
            throw SettingsError(place: "\(key): \(file)", reason: fault.description)
        case .success(let bytes):
            let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            guard let text = String(validating: line, as: UTF8.self), !text.isEmpty else {
                throw SettingsError(
                    place: "\(key): \(file)", reason: "its first line is not a secret")
            }
            return text
        }
    }
}
