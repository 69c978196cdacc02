import Synchronization

/// Text with what links to trackers keep secret left out: passkeys, which stand in the path or the
/// query, and passwords. What may be read by more people than the account is theirs goes through
/// this: logs, and answers to those who may only read.
func redacted(_ text: String) -> String {
    guard text.contains("://") else { return text }
    return text.split(separator: " ", omittingEmptySubsequences: false)
        .map { redactedWord(String($0)) }.joined(separator: " ")
}

private func redactedWord(_ word: String) -> String {
    guard let mark = word.firstRange(of: "://") else { return word }
    return redactedLink(word, after: mark.upperBound)
}

private func redactedLink(_ link: String, after scheme: String.Index) -> String {
    let rest = link[scheme...]
    let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    let host = rest[..<authorityEnd].split(separator: "@").last ?? ""
    var tail = rest[authorityEnd...]
    var query = ""
    if let mark = tail.firstIndex(where: { "?#".contains($0) }) {
        query = tail.index(after: mark) < tail.endIndex ? "\(tail[mark])(hidden)" : ""
        tail = tail[..<mark]
    }
    let path = tail.split(separator: "/", omittingEmptySubsequences: false).map { segment in
        isSecret(segment) ? "(hidden)" : String(segment)
    }
    return link[..<scheme] + host + path.joined(separator: "/") + query
}

/// Long, and no word: at least a digit in it, or nothing that words are made of.
private func isSecret(_ segment: Substring) -> Bool {
    let letters = segment.utf8.count
    guard letters >= 10 else { return false }
    let digits = segment.utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return !digits.isEmpty || letters >= 24
}

/// Links that were redacted before. Ten thousand torrents have a few dozen trackers.
enum RedactedLinks {
    private static let known = Mutex<[String: String]>([:])

    static func text(of link: String) -> String {
        known.withLock { known in
            if let text = known[link] { return text }
            if known.count >= Limits.redactedLinksMax { known.removeAll() }
            let text = redacted(link)
            known[link] = text
            return text
        }
    }
}
