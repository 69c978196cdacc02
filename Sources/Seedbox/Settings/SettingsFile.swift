import JSONText
import TOMLKit

/// A text of settings, read but not yet understood.
struct SettingsFile {
    let path: String
    let json: JSON
    private let places: TOMLPlaces

    init(path: String, text: String) throws(SettingsError) {
        self.path = path
        do {
            let table = try TOMLTable(string: text)
            // What is inside belongs to the outermost table.
            json = try withExtendedLifetime(table) { try Self.json(of: table, depth: 0) }
            places = TOMLPlaces(text)
        } catch let error as TOMLParseError {
            let start = error.source.begin
            throw SettingsError(
                place: "\(path):\(start.line):\(start.column)", reason: Self.words(error))
        } catch let error as SettingFault {
            throw SettingsError(place: path, reason: error.reason)
        } catch {
            throw SettingsError(place: path, reason: "it is not TOML")
        }
    }

    /// The settings that it has, in the order of the table of all settings. What is none is a
    /// mistake.
    func values(_ mistakes: inout [SettingsError]) -> [(key: SettingKey, value: JSON)] {
        var found: [String: JSON] = [:]
        gather(json, [], into: &found, &mistakes)
        return SettingKey.all.compactMap { key in found[key.name].map { (key, $0) } }
    }

    private func gather(
        _ json: JSON, _ path: [String], into found: inout [String: JSON],
        _ mistakes: inout [SettingsError]
    ) {
        for member in json.members ?? [] {
            let path = path + [member.name]
            let name = path.joined(separator: ".")
            if SettingKey.named(name) != nil {
                found[name] = member.value
            } else if SettingKey.all.contains(where: { $0.name.hasPrefix(name + ".") }) {
                guard member.value.members != nil else {
                    mistakes.append(
                        SettingsError(
                            place: location(ofKey: path.map { .member($0) }),
                            reason: "'\(name)' is a table: write [\(name)]"))
                    continue
                }
                gather(member.value, path, into: &found, &mistakes)
            } else {
                mistakes.append(
                    SettingsError(
                        place: location(ofKey: path.map { .member($0) }),
                        reason: unknownSetting(name, among: Self.names(beside: path)).reason))
            }
        }
    }

    /// The names that could stand in the place of the last one.
    private static func names(beside path: [String]) -> [String] {
        var names: Set<String> = []
        for key in SettingKey.all {
            names.insert(key.name)
            let parts = key.name.split(separator: ".")
            if path.count == 1, let section = parts.first { names.insert(String(section)) }
        }
        return names.sorted()
    }

    /// The error that a fault of a value is, where it stands.
    func error(_ fault: SettingFault, in key: SettingKey) -> SettingsError {
        let path = key.name.split(separator: ".").map { SettingFault.Step.member(String($0)) }
        let isUnknown = fault.reason.hasPrefix("unknown key")
        let whole = path + fault.path
        return SettingsError(
            place: isUnknown ? location(ofKey: whole) : location(ofValue: whole),
            reason: isUnknown ? fault.reason : "\(fault.field(of: key.name)): \(fault.reason)")
    }

    /// `config.toml:12:3`, of the value.
    func location(of key: SettingKey) -> String {
        location(ofValue: key.name.split(separator: ".").map { .member(String($0)) })
    }

    /// The same of one element of a list.
    func location(of key: SettingKey, element: Int) -> String {
        location(
            ofValue: key.name.split(separator: ".").map { .member(String($0)) } + [
                .element(element)
            ])
    }

    private func location(ofKey path: TOMLPlaces.Path) -> String { text(places.key(path)) }
    private func location(ofValue path: TOMLPlaces.Path) -> String { text(places.value(path)) }

    private func text(_ place: TOMLPlaces.Place?) -> String {
        place.map { "\(path):\($0.line):\($0.column)" } ?? path
    }

    private static func words(_ error: TOMLParseError) -> String {
        let text = error.description.split(whereSeparator: \.isNewline).first.map(String.init)
        return "not TOML: " + (text ?? "it cannot be read")
    }

    private static func json(of table: TOMLTable, depth: Int) throws -> JSON {
        guard depth < Limits.settingsDepthMax else { throw SettingFault("it is nested too deep") }
        var members: [JSON.Member] = []
        for name in table.keys.sorted() {
            guard let value = table[name] else { continue }
            members.append((name, try json(of: value, depth: depth + 1)))
        }
        return .object(members)
    }

    private static func json(of value: any TOMLValueConvertible, depth: Int) throws -> JSON {
        if let table = value.table { return try json(of: table, depth: depth) }
        if let array = value.array {
            guard depth < Limits.settingsDepthMax else {
                throw SettingFault("it is nested too deep")
            }
            return .array(try (0..<array.count).map { try json(of: array[$0], depth: depth + 1) })
        }
        if let flag = value.bool { return .bool(flag) }
        if let whole = value.int { return .integer(Int64(whole)) }
        if let number = value.double { return .number(number) }
        if let text = value.string { return .string(text) }
        // No setting is a date; as text it is refused with the words of the setting.
        return .string(value.debugDescription)
    }
}
