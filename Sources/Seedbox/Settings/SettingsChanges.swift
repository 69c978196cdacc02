public import JSONText

/// What is to be otherwise than file, environment and options say: part of the settings, by their
/// names. Kept in the session store, so that it holds after a restart too.
///
/// Who has typed values makes two `Settings` and asks for what tells them apart; who has JSON, as
/// the file has its tables, `{"limits": {"down": "10M"}}`, gives that. Null is none: no limit.
public struct SettingsChanges: Equatable, Sendable {
    /// By the key's name, in the order of names.
    fileprivate(set) var values: [String: JSON] = [:]
    /// What is to be again as file, environment and options say.
    private(set) var resets: Set<String> = []

    public init() {}

    /// What has to change for `old` to become `new`.
    public init(from old: Settings, to new: Settings) {
        for key in SettingKey.all {
            let value = key.field.write(new, false)
            if value != key.field.write(old, false) { values[key.name] = value }
        }
    }

    /// The changes that an object asks for, each of them checked.
    public init(_ json: JSON) throws(SeedboxError) {
        guard let members = json.members else {
            throw .badValue(field: "settings", reason: "write an object")
        }
        for member in members { try take(member.value, named: member.name) }
        _ = try Settings().applying(self)
    }

    /// As `text` has written it. What a later version wrote and this one does not know is left out.
    public init(stored text: String) {
        guard let json = try? JSON(parsing: Array(text.utf8)) else { return }
        for member in json.members ?? [] where SettingKey.named(member.name) != nil {
            values[member.name] = member.value
        }
    }

    /// To be kept. Has no secrets, as none of these can be changed at run time.
    public var text: String { json.text }

    private var json: JSON {
        .object(values.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) })
    }

    public var isEmpty: Bool { values.isEmpty && resets.isEmpty }

    /// The names of the settings that it says something of.
    public var names: [String] { (Array(values.keys) + resets).sorted() }

    /// To be again as file, environment and options say.
    public mutating func reset(_ name: String) throws(SeedboxError) {
        guard SettingKey.named(name) != nil else { throw Self.unknown(name) }
        values[name] = nil
        resets.insert(name)
    }

    /// Takes up changes that came later.
    public mutating func merge(_ later: SettingsChanges) {
        for name in later.resets { values[name] = nil }
        for (name, value) in later.values { values[name] = value }
    }

    private mutating func take(_ value: JSON, named name: String) throws(SeedboxError) {
        if SettingKey.named(name) != nil {
            values[name] = value
        } else if let members = value.members,
            SettingKey.all.contains(where: { $0.name.hasPrefix(name + ".") })
        {
            for member in members { try take(member.value, named: "\(name).\(member.name)") }
        } else {
            throw Self.unknown(name)
        }
    }

    private static func unknown(_ name: String) -> SeedboxError {
        let fault = unknownSetting(name, among: SettingKey.all.map(\.name))
        return .badValue(field: name, reason: fault.reason)
    }
}

extension Settings {
    /// These with changes made at run time. Throws for what may not be changed so, for values that
    /// are none, and for those that do not go together.
    public func applying(_ changes: SettingsChanges) throws(SeedboxError) -> Settings {
        var settings = self
        for (name, value) in changes.values.sorted(by: { $0.key < $1.key }) {
            guard let key = SettingKey.named(name) else { continue }
            guard key.reach == .anyTime else {
                throw .badValue(
                    field: name, reason: "only the file, the environment and options can set it"
                )
            }
            do throws(SettingFault) { try key.field.read(value, &settings) } catch {
                throw .badValue(field: error.field(of: name), reason: error.reason)
            }
        }
        if let fault = settings.fault(isWhole: false) { throw fault }
        return settings
    }

    /// What is kept of earlier runs, laid over these. What does not hold any more, since the
    /// program or the file has changed, is left out, and named.
    public func restoring(_ changes: SettingsChanges) -> (settings: Settings, leftOut: [String]) {
        var settings = self
        var leftOut: [String] = []
        for name in changes.values.keys.sorted() {
            var one = SettingsChanges()
            one.values[name] = changes.values[name]
            do { settings = try settings.applying(one) } catch { leftOut.append(name) }
        }
        return (settings, leftOut)
    }

    /// All of them as they are in the file, without secrets. Rates are bytes a second, sizes bytes,
    /// times seconds; null is none.
    public var json: JSON {
        var sections: [JSON.Member] = []
        for key in SettingKey.all {
            let value = key.shown(self)
            let parts = key.name.split(separator: ".")
            guard parts.count == 2, let section = parts.first, let name = parts.last else {
                sections.append((key.name, value))
                continue
            }
            if let index = sections.firstIndex(where: { $0.name == section }) {
                let members = sections[index].value.members ?? []
                sections[index].value = .object(members + [(String(name), value)])
            } else {
                sections.append((String(section), .object([(String(name), value)])))
            }
        }
        return .object(sections)
    }
}
