import Glibc
import JSONText
import Logging

/// One thing that is told of what the daemon does.
struct LogLine {
    /// Since 1970, and what is left of the next second.
    var seconds: Int64
    var milliseconds: Int64
    var level: Logger.Level
    var label: String
    var message: String
    var metadata: [(name: String, value: String)]

    /// For people. The journal knows the time, and takes the priority from the line's beginning.
    func text(forJournal isJournal: Bool) -> String {
        let words = metadata.map { "\($0.name)=\($0.value)" }
        let body = ([message] + words).joined(separator: " ").escapedForTerminal
        guard !isJournal else { return "<\(priority)>\(body)" }
        return "\(localTime) \(level.rawValue) \(body)"
    }

    /// For programs.
    var json: String {
        var members: [JSON.Member] = [
            ("time", .string(universalTime)), ("level", .string(level.rawValue)),
            ("source", .string(label)), ("message", .string(message)),
        ]
        let taken = Set(members.map(\.name))
        for (name, value) in metadata {
            members.append((taken.contains(name) ? name + "_" : name, .string(value)))
        }
        return JSON.object(members).text
    }

    /// The line without these words, and without what in a link is known to its owner alone.
    func without(_ secrets: [String]) -> LogLine {
        var line = self
        line.message = Self.redacted(message, secrets)
        line.metadata = metadata.map { ($0.name, Self.redacted($0.value, secrets)) }
        return line
    }

    static func redacted(_ text: String, _ secrets: [String]) -> String {
        var text = text
        for secret in secrets where text.contains(secret) {
            text = text.replacing(secret, with: "(hidden)")
        }
        guard text.contains("://") else { return text }
        return text.split(separator: " ", omittingEmptySubsequences: false)
            .map { $0.contains("://") ? redactedLink($0) : String($0) }
            .joined(separator: " ")
    }

    /// Trackers know their users by a long word in the path or in the query.
    private static func redactedLink(_ link: Substring) -> String {
        let (address, query) = (link.prefix { $0 != "?" }, link.drop { $0 != "?" })
        let parts = address.split(separator: "/", omittingEmptySubsequences: false)
        let shown = parts.enumerated().map { index, part -> String in
            // `https:`, nothing, and then the host, perhaps after the name of a user.
            if index < 2 { return String(part) }
            if index == 2 {
                guard let sign = part.lastIndex(of: "@") else { return String(part) }
                return String(part[part.index(after: sign)...])
            }
            return part.utf8.count >= Limits.logSecretWordBytesMin ? "(hidden)" : String(part)
        }
        return shown.joined(separator: "/") + (query.isEmpty ? "" : "?(hidden)")
    }

    private var priority: Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private var localTime: String {
        var clock = time_t(seconds)
        var parts = tm()
        localtime_r(&clock, &parts)
        return Self.format(&parts, "%Y-%m-%d %H:%M:%S")
    }

    private var universalTime: String {
        var clock = time_t(seconds)
        var parts = tm()
        gmtime_r(&clock, &parts)
        let digits = String(milliseconds)
        let fraction = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        return Self.format(&parts, "%Y-%m-%dT%H:%M:%S") + ".\(fraction)Z"
    }

    private static func format(_ parts: inout tm, _ pattern: String) -> String {
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, pattern, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
