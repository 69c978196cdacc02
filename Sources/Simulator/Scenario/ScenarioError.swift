/// Why a scenario cannot be read, and where.
public struct ScenarioError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Problem: Hashable, Sendable {
        case unknownKey(String)
        case repeatedKey(String)
        case missingKey(String)
        /// The key, the text, and what it should have been.
        case badValue(key: String, text: String, wanted: String)
        case outOfBounds(key: String, text: String, bounds: String)
        case surplus(key: String, text: String)
        case contradiction(String)
        case notText
        case tooLong(lines: Int)
    }

    /// From 1; 0 where the whole is meant.
    public let line: Int
    public let problem: Problem

    init(_ line: Int, _ problem: Problem) {
        self.line = line
        self.problem = problem
    }

    /// The problem without the line.
    public var text: String {
        switch problem {
        case .unknownKey(let key): "'\(key)' is no key of a scenario"
        case .repeatedKey(let key): "'\(key)' was given before"
        case .missingKey(let key): "'\(key)' is missing"
        case .badValue(let key, "", let wanted): "\(key): needs \(wanted)"
        case .badValue(let key, let text, let wanted): "\(key): '\(text)' is not \(wanted)"
        case .outOfBounds(let key, let text, let bounds): "\(key): \(text) is not \(bounds)"
        case .surplus(let key, let text): "\(key): '\(text)' is too much"
        case .contradiction(let text): text
        case .notText: "not UTF-8 text"
        case .tooLong(let lines): "more than \(lines) lines"
        }
    }

    public var description: String { line == 0 ? text : "line \(line): \(text)" }
}
