/// Why there are no settings to start with: where that stands, and what is wrong.
public struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `…/config.toml:12:3`, `SWARM_PORT`, `--port`, or the name of a setting.
    public var place: String
    public var reason: String

    init(place: String, reason: String) {
        self.place = place
        self.reason = reason
    }

    public var description: String { "\(place): \(reason)" }
}
