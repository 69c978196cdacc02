/// A shell pattern over paths within a torrent: `*` and `?` within a name, `[a-z]` and `[!a-z]`,
/// `{a,b}`, and `**` for any number of folders. Matching takes time in proportion to pattern times
/// path, whatever they are.
///
/// A pattern without a slash is matched with every name along the path, so that `*.mkv` finds
/// films in all folders and `extras` takes the whole folder; one with a slash is matched with the
/// path from the torrent's top, and takes what is below it.
struct Glob: Hashable, Sendable {
    enum Token: Hashable, Sendable {
        case one(Character)
        case any
        case star
        case set([ClosedRange<Character>], isNegated: Bool)
    }

    enum Part: Hashable, Sendable {
        case folders
        case name([Token])
    }

    let text: String
    /// One for each choice of the braces.
    private let alternatives: [[Part]]

    init(_ text: String) throws(ValueFault) {
        guard !text.isEmpty else { throw .emptyGlob }
        self.text = text
        var alternatives: [[Part]] = []
        for choice in try Self.expandBraces(text) {
            var parts: [Part] = []
            for name in choice.split(separator: "/") {
                parts.append(name == "**" ? .folders : .name(try Self.tokens(name)))
            }
            // Without a slash the pattern may begin anywhere.
            if !choice.contains("/") { parts.insert(.folders, at: 0) }
            alternatives.append(parts)
        }
        self.alternatives = alternatives
    }

    /// Whether the path, or a folder that it lies in, matches.
    func matches(_ path: [String]) -> Bool {
        let names = path.map(Array.init)
        return alternatives.contains { Self.matches($0, names) }
    }

    // MARK: - Reading

    private static func expandBraces(_ text: String) throws(ValueFault) -> [String] {
        var results = [""]
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else { throw .unclosedGlob("{") }
            let choices = rest[rest.index(after: open)..<close]
                .split(separator: ",", omittingEmptySubsequences: false)
            let head = rest[..<open]
            guard results.count * choices.count <= Limits.globAlternativesMax else {
                throw .outOfRange
            }
            results = results.flatMap { result in choices.map { result + head + $0 } }
            rest = rest[rest.index(after: close)...]
        }
        return results.map { $0 + rest }
    }

    private static func tokens(_ name: Substring) throws(ValueFault) -> [Token] {
        var tokens: [Token] = []
        var rest = name
        while let character = rest.popFirst() {
            switch character {
            case "*":
                if tokens.last != .star { tokens.append(.star) }
            case "?": tokens.append(.any)
            case "\\": tokens.append(.one(rest.popFirst() ?? "\\"))
            case "[": tokens.append(try set(&rest))
            default: tokens.append(.one(character))
            }
        }
        return tokens
    }

    private static func set(_ rest: inout Substring) throws(ValueFault) -> Token {
        var isNegated = false
        if rest.first == "!" || rest.first == "^" {
            isNegated = true
            rest.removeFirst()
        }
        var ranges: [ClosedRange<Character>] = []
        while let low = rest.popFirst() {
            // A bracket that comes first is a character of the set.
            if low == "]", !ranges.isEmpty { return .set(ranges, isNegated: isNegated) }
            guard rest.first == "-", let high = rest.dropFirst().first, high != "]" else {
                ranges.append(low...low)
                continue
            }
            rest.removeFirst(2)
            guard low <= high else { throw .reversedRange("\(low)-\(high)") }
            ranges.append(low...high)
        }
        throw .unclosedGlob("[")
    }

    // MARK: - Matching

    /// Positions in the pattern that the names so far can reach, name by name.
    private static func matches(_ parts: [Part], _ names: [[Character]]) -> Bool {
        var reached = Array(repeating: false, count: parts.count + 1)
        reached[0] = true
        skipFolders(parts, &reached)
        for name in names {
            var next = Array(repeating: false, count: parts.count + 1)
            for (index, part) in parts.enumerated() where reached[index] {
                switch part {
                case .folders: next[index] = true
                case .name(let tokens): if matches(tokens, name) { next[index + 1] = true }
                }
            }
            skipFolders(parts, &next)
            reached = next
            // The end was reached: the rest of the path lies below what matched.
            if reached[parts.count] { return true }
        }
        return false
    }

    /// `**` may stand for no folder at all.
    private static func skipFolders(_ parts: [Part], _ reached: inout [Bool]) {
        for (index, part) in parts.enumerated() where reached[index] && part == .folders {
            reached[index + 1] = true
        }
    }

    /// On a mismatch only the last star takes one more character: that is enough, and linear.
    private static func matches(_ tokens: [Token], _ name: [Character]) -> Bool {
        var token = 0
        var position = 0
        var retry: (token: Int, position: Int)?
        while position < name.count {
            if token < tokens.count, tokens[token] == .star {
                retry = (token, position)
                token += 1
            } else if token < tokens.count, matches(tokens[token], name[position]) {
                token += 1
                position += 1
            } else if let last = retry {
                retry = (last.token, last.position + 1)
                token = last.token + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        return tokens[token...].allSatisfy { $0 == .star }
    }

    private static func matches(_ token: Token, _ character: Character) -> Bool {
        switch token {
        case .one(let wanted): wanted == character
        case .any, .star: true
        case .set(let ranges, let isNegated):
            ranges.contains { $0.contains(character) } != isNegated
        }
    }
}
