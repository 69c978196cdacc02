import Hashing
import Metainfo

/// Where the files of a torrent stand below its save folder, by their final name and by the names
/// that they have until they are whole. What a user has renamed has its new name in both.
struct FileNames: Sendable {
    /// Elements from the save folder down to each file, in the torrent's order.
    private let finals: [[String]]
    /// The info-hash, which is noted beside the content of partial files.
    let whole: String
    /// Eight hex digits of the info-hash.
    private let tag: String
    private let name: String
    /// All paths that the torrent itself gives to files and folders; only if one of them ends in
    /// `.part` and could be in the way.
    private let taken: Set<[String]>

    init(_ metainfo: Metainfo, _ renamed: RenamedPaths = RenamedPaths()) {
        self.name = metainfo.name
        self.whole = "\(metainfo.infoHash.primary)"
        self.tag = Self.tag(of: metainfo)
        let originals = metainfo.layout.files.indices.map { metainfo.originalPath(of: $0) }
        self.finals = originals.map(renamed.current)
        var taken: Set<[String]> = []
        let partial = { (element: String) in element.hasSuffix(FileNames.suffix) }
        if originals.contains(where: { $0.contains(where: partial) }) {
            // What a file had to avoid it goes on to avoid, so that renaming one file never
            // changes where another is.
            for (original, path) in zip(originals, finals) {
                for count in 1...path.count {
                    taken.insert(Array(path.prefix(count)))
                    taken.insert(path.prefix(count - 1) + [original[count - 1]])
                }
            }
        }
        self.taken = taken
    }

    private static let suffix = ".part"

    static func tag(of metainfo: Metainfo) -> String {
        String("\(metainfo.infoHash.primary)".prefix(8))
    }

    /// Whether it is a name that only what is not whole may have.
    static func isReserved(_ name: String, tag: String) -> Bool {
        name.hasSuffix(suffix)
            || name.hasPrefix(".")
                && [".parts", ".probe", ".moving"].contains { name.hasSuffix(".\(tag)" + $0) }
    }

    func final(_ file: Int) -> [String] { finals[file] }

    /// `NAME.part`: what is there is not whole yet.
    func part(_ file: Int) -> [String] { partial(file, infix: "") }

    /// `NAME.<info-hash>.part`, for when `NAME.part` belongs to somebody else.
    func alternativePart(_ file: Int) -> [String] { partial(file, infix: ".\(tag)") }

    /// `.NAME.<info-hash>.parts`: bytes of files that are not wanted, from pieces that are.
    var parts: [String] { hidden(".parts") }

    /// Written and removed to see whether the folder can be written.
    var probe: [String] { hidden(".probe") }

    private func hidden(_ suffix: String) -> [String] {
        let rest = ".\(tag)" + suffix
        let kept = Self.shortened(name, toBytes: Limits.nameBytesMax - 1 - rest.utf8.count)
        return ["." + kept + rest]
    }

    /// `.NAME.<tag>.moving`: a copy that is not whole yet.
    static func temporary(_ name: String, tag: String) -> String {
        let rest = ".\(tag).moving"
        return "." + shortened(name, toBytes: Limits.nameBytesMax - 1 - rest.utf8.count) + rest
    }

    private func partial(_ file: Int, infix: String) -> [String] {
        let path = finals[file]
        guard let last = path.last else { return path }
        var suffix = infix + Self.suffix
        while true {
            let kept = Self.shortened(last, toBytes: Limits.nameBytesMax - suffix.utf8.count)
            let candidate = Array(path.dropLast()) + [kept + suffix]
            if !taken.contains(candidate) { return candidate }
            suffix = ".\(tag)" + suffix
        }
    }

    /// The name itself, or as much of it as fits with a digest of all of it, so that two long
    /// names stay two.
    private static func shortened(_ name: String, toBytes count: Int) -> String {
        guard name.utf8.count > count else { return name }
        let digest = "\(SHA1Digest.hash(Array(name.utf8)))".prefix(8)
        var kept = ""
        var length = digest.utf8.count + 1
        for character in name {
            length += character.utf8.count
            if length > count { break }
            kept.append(character)
        }
        return kept + "~" + digest
    }
}
