/// One pattern to include or exclude by, see `ChunkOptions.exclude`. Matching takes time in
/// proportion to the pattern's length times the path's, whatever the pattern.
struct Glob: Sendable {
    private enum Token: Sendable {
        case character(UInt32)
        /// One character but `/`.
        case one
        /// One character that is among these or, if negated, is not; never `/`.
        case set([ClosedRange<UInt32>], isNegated: Bool)
        /// Any number of characters but `/`.
        case name
        /// Any number of characters.
        case anything
        /// Any number of folders or none, each with its `/`.
        case folders
    }

    private var tokens: [Token] = []
    /// Whether the whole path is matched, not only the name.
    private var isAnchored = false
    private var matchesFoldersOnly = false

    init(_ text: String) throws(ChunkerError) {
        guard text.utf8.count <= Limits.patternBytesMax else {
            throw .patternNotAllowed(text, .tooLong)
        }
        var rest = text.unicodeScalars.map(\.value)[...]
        if rest.count > 1, rest.last == separator {
            rest.removeLast()
            matchesFoldersOnly = true
        }
        isAnchored = rest.contains(separator)
        if rest.first == separator { rest.removeFirst() }
        guard !rest.isEmpty else { throw .patternNotAllowed(text, .empty) }
        while let character = rest.popFirst() {
            do {
                try take(character, &rest)
            } catch {
                throw .patternNotAllowed(text, error)
            }
        }
    }

    private mutating func take(
        _ character: UInt32, _ rest: inout ArraySlice<UInt32>
    ) throws(ChunkerError.PatternFault) {
        switch character {
        case code("\\"):
            guard let escaped = rest.popFirst() else { throw .danglingEscape }
            tokens.append(.character(escaped))
        case code("?"): tokens.append(.one)
        case code("["): tokens.append(try Self.set(&rest))
        case code("*"):
            guard rest.first == code("*") else {
                tokens.append(.name)
                return
            }
            rest = rest.drop { $0 == code("*") }
            if startsName, rest.first == separator {
                rest.removeFirst()
                tokens.append(.folders)
            } else {
                tokens.append(.anything)
            }
        default: tokens.append(.character(character))
        }
    }

    /// Whether the next token stands at the beginning of a path's element.
    private var startsName: Bool {
        switch tokens.last {
        case nil, .folders: true
        case .character(let character): character == separator
        default: false
        }
    }

    /// What stands between `[` and `]`. A `]` right at the beginning is one of the characters.
    private static func set(
        _ rest: inout ArraySlice<UInt32>
    ) throws(ChunkerError.PatternFault) -> Token {
        var ranges: [ClosedRange<UInt32>] = []
        let isNegated = rest.first == code("!") || rest.first == code("^")
        if isNegated { rest.removeFirst() }
        while let character = rest.popFirst() {
            if character == code("]"), !ranges.isEmpty { return .set(ranges, isNegated: isNegated) }
            let low = character == code("\\") ? rest.popFirst() : character
            guard let low else { break }
            var high = low
            if rest.first == code("-"), let end = rest.dropFirst().first, end != code("]") {
                rest.removeFirst(2)
                high = end
            }
            guard low <= high else { throw .emptySet }
            ranges.append(low...high)
        }
        throw .openSet
    }

    func matches(_ path: GlobPath, isFolder: Bool) -> Bool {
        if matchesFoldersOnly && !isFolder { return false }
        let text = isAnchored ? path.characters[...] : path.characters[path.nameStart...]
        var reached = Array(repeating: false, count: text.count + 1)
        reached[0] = true
        for token in tokens {
            guard step(token, text, &reached) else { return false }
        }
        return reached[text.count]
    }

    /// Replaces the places in `text` that the tokens so far can lead to by those that `token` leads
    /// to from there; false if there is none.
    private func step(
        _ token: Token, _ text: ArraySlice<UInt32>, _ reached: inout [Bool]
    ) -> Bool {
        var isAlive = false
        var carried = false
        for (place, character) in text.enumerated() {
            let here = reached[place]
            let arrives: Bool
            switch token {
            case .name, .anything, .folders:
                arrives = here || carried
                reached[place] =
                    isFolders(token) ? here || carried && isStart(place, text) : arrives
                carried = arrives && (isName(token) ? character != separator : true)
            default:
                arrives = carried
                reached[place] = arrives
                carried = here && admits(token, character)
            }
            isAlive = isAlive || reached[place]
        }
        let end = text.count
        switch token {
        case .name, .anything: reached[end] = reached[end] || carried
        // No path ends in a slash, so no folders end there.
        case .folders: break
        default: reached[end] = carried
        }
        return isAlive || reached[end]
    }

    private func isFolders(_ token: Token) -> Bool {
        if case .folders = token { true } else { false }
    }

    private func isName(_ token: Token) -> Bool { if case .name = token { true } else { false } }

    /// Whether an element of the path begins at `place`.
    private func isStart(_ place: Int, _ text: ArraySlice<UInt32>) -> Bool {
        place == 0 || text[text.startIndex + place - 1] == separator
    }

    private func admits(_ token: Token, _ character: UInt32) -> Bool {
        switch token {
        case .character(let wanted): character == wanted
        case .one: character != separator
        case .set(let ranges, let isNegated):
            character != separator && ranges.contains { $0.contains(character) } != isNegated
        case .name, .anything, .folders: false
        }
    }
}

private let separator = code("/")

private func code(_ character: Unicode.Scalar) -> UInt32 { character.value }

/// A path below the folder as its characters; a byte that is not UTF-8 is a character of its own,
/// beyond all others.
struct GlobPath: Sendable {
    fileprivate let characters: [UInt32]
    /// Where the last element begins.
    fileprivate let nameStart: Int

    init(_ path: [UInt8]) {
        var characters: [UInt32] = []
        characters.reserveCapacity(path.count)
        var isASCII = true
        for byte in path {
            isASCII = isASCII && byte < 0x80
            characters.append(UInt32(byte))
        }
        if !isASCII { characters = Self.decoded(path) }
        self.characters = characters
        self.nameStart = characters.lastIndex(of: separator).map { $0 + 1 } ?? 0
    }

    private static func decoded(_ path: [UInt8]) -> [UInt32] {
        var characters: [UInt32] = []
        var rest = path[...]
        while let first = rest.first {
            let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            if let text = String(validating: rest.prefix(length), as: UTF8.self),
                let scalar = text.unicodeScalars.first, text.unicodeScalars.count == 1
            {
                characters.append(scalar.value)
                rest = rest.dropFirst(length)
            } else {
                characters.append(0x11_0000 + UInt32(first))
                rest = rest.dropFirst()
            }
        }
        return characters
    }
}

/// Which paths are taken.
struct PathFilter: Sendable {
    private let include: [Glob]
    private let exclude: [Glob]

    init(include: [String], exclude: [String]) throws(ChunkerError) {
        self.include = try Self.globs(include)
        self.exclude = try Self.globs(exclude)
    }

    private static func globs(_ texts: [String]) throws(ChunkerError) -> [Glob] {
        guard texts.count <= Limits.patternCountMax else {
            throw .tooManyPatterns(max: Limits.patternCountMax)
        }
        var globs: [Glob] = []
        for text in texts { globs.append(try Glob(text)) }
        return globs
    }

    /// What is to be done with a file or folder.
    enum Verdict {
        case leaveOut
        /// A folder that may hold files to take, but is not one to take as a whole.
        case lookInside
        case take
    }

    /// `isInside` says whether it lies in a folder that is taken.
    func verdict(on path: [UInt8], isFolder: Bool, isInside: Bool) -> Verdict {
        if include.isEmpty && exclude.isEmpty { return .take }
        let path = GlobPath(path)
        if exclude.contains(where: { $0.matches(path, isFolder: isFolder) }) { return .leaveOut }
        if isInside || include.isEmpty { return .take }
        if include.contains(where: { $0.matches(path, isFolder: isFolder) }) { return .take }
        return isFolder ? .lookInside : .leaveOut
    }
}
