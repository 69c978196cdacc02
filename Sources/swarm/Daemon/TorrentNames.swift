import Terminal

/// Finds the torrents that a user's words mean: a number or a range of them as `list` shows, an
/// info-hash or the beginning of one, a name, or `all`.
struct TorrentNames {
    /// Fewer digits of an info-hash are more likely to be something else.
    private static let hashDigitsMin = 4

    private let torrents: [RemoteTorrent]
    private let byID: [Int64: Int]

    init(_ torrents: [RemoteTorrent]) {
        self.torrents = torrents
        byID = Dictionary(
            torrents.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Each once, in the order in which they were named.
    func find(_ words: [String]) throws(Failure) -> [RemoteTorrent] {
        var found: [RemoteTorrent] = []
        var seen: Set<Int64> = []
        for word in words {
            for torrent in try find(word) where seen.insert(torrent.id).inserted {
                found.append(torrent)
            }
        }
        return found
    }

    private func find(_ word: String) throws(Failure) -> [RemoteTorrent] {
        if word == "all" { return torrents }
        if let id = number(word[...]), let place = byID[id] { return [torrents[place]] }
        if let range = range(word) {
            let inside = torrents.filter { range.contains($0.id) }
            if !inside.isEmpty { return inside }
        }
        let named = torrents.filter { $0.name == word }
        let hashed = isHashBeginning(word) ? withHash(word.lowercased()) : []
        let ids = Set((named + hashed).map(\.id))
        let found = torrents.filter { ids.contains($0.id) }
        guard found.count <= 1 else { throw ambiguous(word, found) }
        guard !found.isEmpty else {
            throw Failure(.failed, word, "no such torrent", remedy: "see 'swarm list'")
        }
        return found
    }

    private func number(_ text: Substring) -> Int64? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    private func range(_ word: String) -> ClosedRange<Int64>? {
        let ends = word.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = number(ends[0]), let last = number(ends[1]),
            first <= last
        else { return nil }
        return first...last
    }

    private func isHashBeginning(_ word: String) -> Bool {
        (Self.hashDigitsMin...64).contains(word.utf8.count)
            && word.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
    }

    private func withHash(_ beginning: String) -> [RemoteTorrent] {
        torrents.filter { torrent in torrent.infoHashes.contains { $0.hasPrefix(beginning) } }
    }

    private func ambiguous(_ word: String, _ found: [RemoteTorrent]) -> Failure {
        let shown = found.prefix(4).map { "\($0.id)" }.joined(separator: ", ")
        return Failure(
            .failed, word,
            "means \(found.count) torrents: \(shown)\(found.count > 4 ? " and others" : "")",
            remedy: "name it by its number")
    }
}
