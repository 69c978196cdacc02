public import JSONText

/// What is to be otherwise than file, environment and options say: part of the settings, by their
/// names. Kept in the session store, so that it holds after a restart too.
///
/// Who has typed values makes two `Settings` and asks for what tells them apart; who has JSON, as
/// the file has its tables, `{"limits": {"down": "10M"}}`, gives that. Null is none: no limit.
/// Categories and groups are changed one by one: see `NamedThings`.
public struct SettingsChanges: Equatable, Sendable {
    /// By the key's name, in the order of names.
    fileprivate(set) var values: [String: JSON] = [:]
    /// What is to be again as file, environment and options say.
    private(set) var resets: Set<String> = []

    public init() {}

    /// What has to change for `old` to become `new`.
    public init(from old: Settings, to new: Settings) {
        for key in SettingKey.all {
            let (before, after) = (key.field.write(old, false), key.field.write(new, false))
            guard before != after else { continue }
            if key.isOfNamedThings {
                put(NamedThings.changes(from: before, to: after), named: key.name)
            } else {
                values[key.name] = after
            }
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

    private static let alternative = "limits.alternative"

    /// Whether they turn the alternative limits on or off, in whatever way that was written.
    var alternativeIsOn: Bool? {
        values[Self.alternative].flatMap { try? SettingForm<Bool>.flag.read($0) }
    }

    /// Whether they leave that to the file, the environment and options again.
    var resetsAlternative: Bool { resets.contains(Self.alternative) }

    mutating func forgetAlternative() { values[Self.alternative] = nil }

    public var isEmpty: Bool { values.isEmpty && resets.isEmpty }

    /// The names of the settings that it says something of.
    public var names: [String] { (Array(values.keys) + resets).sorted() }

    /// To be again as file, environment and options say: a setting, or one category or group,
    /// `categories.films`.
    public mutating func reset(_ name: String) throws(SeedboxError) {
        guard SettingKey.withThing(name) != nil else { throw Self.unknown(name) }
        forget(name)
        resets.insert(name)
    }

    private mutating func forget(_ name: String) {
        guard let (key, thing) = SettingKey.withThing(name) else { return }
        guard let thing else {
            values[key.name] = nil
            return
        }
        guard let things = values[key.name]?.members else { return }
        put(things.filter { $0.name != thing }, named: key.name)
    }

    /// Takes up changes that came later.
    public mutating func merge(_ later: SettingsChanges) {
        for name in later.resets { forget(name) }
        for (name, value) in later.values {
            if let new = value.members, let old = values[name]?.members {
                put(Self.merged(old, new), named: name)
            } else {
                values[name] = value
            }
        }
    }

    /// The same, where a whole list of named things is what of `settings` it changes.
    func byThing(over settings: Settings) -> SettingsChanges {
        var changes = self
        for key in SettingKey.all where key.isOfNamedThings {
            var one = SettingsChanges()
            one.values[key.name] = values[key.name]
            guard values[key.name]?.elements != nil, let new = try? settings.applying(one) else {
                continue
            }
            let (before, after) = (key.field.write(settings, false), key.field.write(new, false))
            changes.put(NamedThings.changes(from: before, to: after), named: key.name)
        }
        return changes
    }

    /// The same without the removal of what `given` does not have: if it is put there later, it is
    /// meant to be.
    func removing(onlyFrom given: Settings) -> SettingsChanges {
        var changes = self
        for key in SettingKey.all where key.isOfNamedThings {
            guard let things = values[key.name]?.members else { continue }
            let known = NamedThings.byName(key.field.write(given, false))
            let needed = things.filter { $0.value != .null || known[$0.name] != nil }
            changes.put(needed, named: key.name)
        }
        return changes
    }

    /// Who is changed keeps its place.
    private static func merged(_ old: [JSON.Member], _ new: [JSON.Member]) -> [JSON.Member] {
        var things = old
        for thing in new {
            if let index = things.firstIndex(where: { $0.name == thing.name }) {
                things[index] = thing
            } else {
                things.append(thing)
            }
        }
        return things
    }

    private mutating func put(_ things: [JSON.Member], named name: String) {
        values[name] = things.isEmpty ? nil : .object(things)
    }

    private mutating func take(_ value: JSON, named name: String) throws(SeedboxError) {
        if SettingKey.named(name) != nil {
            guard (value.members ?? []).count <= Limits.settingElementsMax else {
                throw .badValue(
                    field: name, reason: "more than \(Limits.settingElementsMax) elements")
            }
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
            var whole = value
            if key.isOfNamedThings, let things = value.members {
                whole = NamedThings.list(key.field.write(settings, false), with: things)
            }
            do throws(SettingFault) { try key.field.read(whole, &settings) } catch {
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
