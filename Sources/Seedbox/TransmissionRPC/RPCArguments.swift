import JSONText

/// The arguments of a call, by the names that both spellings come to. What nobody asks for is left
/// alone: programs send what later versions know.
struct RPCArguments {
    private var values: [String: JSON] = [:]

    init(_ json: JSON) {
        for member in json.members ?? [] {
            let name = Spelling.plain(member.name)
            // Who says a thing in both spellings is taken at the first word.
            if values[name] == nil { values[name] = member.value }
        }
    }

    subscript(name: String) -> JSON? {
        guard let value = values[name], value != .null else { return nil }
        return value
    }

    mutating func drop(_ name: String) { values[name] = nil }

    func text(_ name: String) throws(RPCFailure) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string else { throw .bad(name, "is to be a text") }
        return text
    }

    /// A path from the root. Which of them may be used, the seedbox says.
    func path(_ name: String) throws(RPCFailure) -> String? {
        guard let path = try text(name) else { return nil }
        guard path.hasPrefix("/") else {
            throw RPCFailure(.pathNotAbsolute, "\(name): '\(path)' is not absolute")
        }
        return path
    }

    /// Programs in C say 0 and 1, too.
    func flag(_ name: String) throws(RPCFailure) -> Bool? {
        guard let value = self[name] else { return nil }
        if let flag = value.bool { return flag }
        switch value.integer {
        case 0: return false
        case 1: return true
        default: throw .bad(name, "is to be true or false")
        }
    }

    func integer(
        _ name: String, in range: ClosedRange<Int64> = 0...Int64.max
    ) throws(RPCFailure) -> Int64? {
        guard let value = self[name] else { return nil }
        guard let number = value.integer, range.contains(number) else {
            throw .bad(name, "is to be a whole number from \(range.lowerBound)")
        }
        return number
    }

    func number(_ name: String) throws(RPCFailure) -> Double? {
        guard let value = self[name] else { return nil }
        guard let number = value.number, number >= 0 else {
            throw .bad(name, "is to be a number that is not negative")
        }
        return number
    }

    func texts(_ name: String, countMax: Int) throws(RPCFailure) -> [String]? {
        guard let value = self[name] else { return nil }
        guard let elements = value.elements else { throw .bad(name, "is to be a list of texts") }
        guard elements.count <= countMax else { throw .bad(name, "more than \(countMax)") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else { throw .bad(name, "is to be a list of texts") }
            texts.append(text)
        }
        return texts
    }

    /// Thousands of bytes a second, as programs count them.
    func rate(_ name: String) throws(RPCFailure) -> Int64? {
        guard let kilo = try number(name) else { return nil }
        guard kilo <= 1e12 else { throw .bad(name, "is more than there is") }
        return Int64(kilo * 1000)
    }
}

// MARK: Torrents

/// Which torrents a call is for.
enum TorrentChoice: Equatable {
    case all
    case recentlyActive
    case some([TorrentName])

    /// A torrent by its number, or by its info-hash in hex.
    enum TorrentName: Equatable {
        case id(TorrentID)
        case infoHash(String)
    }
}

extension RPCArguments {
    /// - Parameter emptyIsAll: whether a list of none means all, as it does where torrents are
    ///   asked about. To leave `ids` out always does.
    func torrents(emptyIsAll: Bool = true) throws(RPCFailure) -> TorrentChoice {
        guard let ids = self["ids"] else { return .all }
        if let word = ids.string, Spelling.plain(word) == "recently_active" {
            return .recentlyActive
        }
        guard let elements = ids.elements else { return .some([try Self.name(ids)]) }
        guard !elements.isEmpty else { return emptyIsAll ? .all : .some([]) }
        guard elements.count <= Limits.rpcIDsMax else {
            throw .bad("ids", "more than \(Limits.rpcIDsMax)")
        }
        if elements.count == 1, let word = elements.first?.string,
            Spelling.plain(word) == "recently_active"
        {
            return .recentlyActive
        }
        var names: [TorrentChoice.TorrentName] = []
        names.reserveCapacity(elements.count)
        for element in elements { names.append(try Self.name(element)) }
        return .some(names)
    }

    private static func name(_ value: JSON) throws(RPCFailure) -> TorrentChoice.TorrentName {
        if let number = value.integer, number >= 0 { return .id(TorrentID(number)) }
        guard let text = value.string, [40, 64].contains(text.utf8.count),
            text.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
        else {
            throw .bad("ids", "\(value.text.prefix(80)): neither a number nor an info-hash")
        }
        return .infoHash(text.lowercased())
    }
}

// MARK: Files

extension RPCArguments {
    /// The files that a list names; an empty list is all of them.
    func files(_ name: String, of count: Int) throws(RPCFailure) -> [Int]? {
        guard let value = self[name] else { return nil }
        guard let elements = value.elements else { throw .bad(name, "is to be a list of numbers") }
        guard !elements.isEmpty else { return Array(0..<count) }
        var files: [Int] = []
        for element in elements {
            guard let number = element.integer else {
                throw .bad(name, "is to be a list of numbers")
            }
            guard let index = Int(exactly: number), (0..<count).contains(index) else {
                throw RPCFailure(.fileOutOfRange, "\(name): there is no file \(number)")
            }
            files.append(index)
        }
        return files
    }

    var namesFiles: Bool { Self.fileLists.contains { self[$0] != nil } }

    private static let fileLists = [
        "files_wanted", "files_unwanted", "priority_high", "priority_normal", "priority_low",
    ]
}
