public import JSONText

extension SettingKey {
    /// The value as the file has it. Secrets are left out.
    public func tomlText(_ settings: Settings) -> String { Self.toml(shown(settings)) }

    /// A value on one line of TOML.
    fileprivate static func toml(_ value: JSON) -> String {
        switch value {
        case .null: "\"none\""
        case .bool, .integer, .string: value.text
        case .number(let number): number.isFinite ? "\(number)" : "\"none\""
        case .array(let elements): "[" + elements.map(toml).joined(separator: ", ") + "]"
        case .object(let members):
            "{ " + members.map { "\($0.name) = \(toml($0.value))" }.joined(separator: ", ") + " }"
        }
    }
}

extension LoadedSettings {
    /// Every setting with who said what.
    public var json: JSON {
        [
            "file": .optional(file), "settings": settings.json,
            "origins": .object(
                SettingKey.all.map { ($0.name, .string("\(origin(of: $0))")) }),
            "hidden": .array(hidden.map(\.json)),
        ]
    }
}

/// What the file, the environment or an option says, and what does not hold: something else was
/// said at run time, and is kept.
public struct HiddenSetting: Sendable {
    /// The setting, or one category or group: `categories.films`.
    public let name: String
    public let value: JSON
    public let origin: SettingOrigin

    public var tomlText: String { SettingKey.toml(value) }

    public var json: JSON {
        ["setting": .string(name), "value": value, "origin": .string("\(origin)")]
    }
}
