import Hashing
import Metainfo

/// Where a torrent comes from, by the look of the word that names it.
enum Source: Equatable, Sendable {
    case file(String)
    case standardInput
    case url(String)
    case magnet(String)
    /// 40 or 64 hexadecimal digits, or 32 of base 32.
    case infoHash(InfoHash)

    /// A file whose name looks like something else can be named with `./` before it.
    init(_ word: String) {
        let start = word.prefix(8).lowercased()
        if word == "-" {
            self = .standardInput
        } else if start.hasPrefix("magnet:") {
            self = .magnet(word)
        } else if start.hasPrefix("http://") || start.hasPrefix("https://") {
            self = .url(word)
        } else if let infoHash = InfoHash(text: word) {
            self = .infoHash(infoHash)
        } else {
            self = .file(word)
        }
    }

    /// What to call it in messages.
    var subject: String {
        switch self {
        case .standardInput: "standard input"
        case .file(let word), .url(let word), .magnet(let word): word
        case .infoHash(let infoHash): "\(infoHash)"
        }
    }
}
