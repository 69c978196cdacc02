import Hashing

/// How large a manifest becomes, told before anything is hashed: that a day's work makes one that
/// no reader takes should not be found out at its end.
struct ManifestSize: Equatable {
    /// Bytes, at most.
    private(set) var bytes: Int64 = 0
    /// Bencoded integers, strings, keys, and beginnings and ends of lists and dictionaries.
    private(set) var tokens: Int64 = 0

    /// What a value takes beside names and hashes: keys, integers, the lengths of strings. A file
    /// of v1 takes 41 bytes for seven values, a pad file 60 for eleven.
    private static let bytesPerToken: Int64 = 8
    /// The two roots of a file, as a value and as a key, and the length of its piece layer.
    private static let rootBytes: Int64 = 96
    /// Tokens and bytes of what is neither a file nor a hash, but for trackers and other texts.
    private static let frame: (tokens: Int64, bytes: Int64) = (64, 4096)

    init(_ plan: HashPlan, _ files: [SourceFile]) {
        let isV1 = plan.format != .v2
        let isV2 = plan.format != .v1
        tokens = Self.frame.tokens
        bytes = Self.frame.bytes
        bytes += isV1 ? plan.pieceCount * Int64(SHA1Digest.byteCount) : 0
        bytes += isV2 ? plan.pieceCount * Int64(SHA256Digest.byteCount) : 0
        var last: [String] = []
        for file in files {
            let path = file.components
            if isV1 { add(tokens: 7 + path.count, text: path) }
            if isV2 {
                // Folders that the file before is in, too, are there already.
                let shared = zip(path, last).prefix { $0 == $1 }.count
                let new = path.dropFirst(min(shared, path.count - 1))
                add(tokens: 7 + 3 * new.count, text: new)
            }
            if file.isExecutable { add(tokens: 4, text: []) }
            if let target = file.linkTarget { add(tokens: 2 * (5 + target.count), text: target) }
            last = path
        }
        for span in plan.spans {
            if span.padding > 0 { add(tokens: 11, text: []) }
            if isV2 {
                add(tokens: 4, text: [])
                bytes += Self.rootBytes
            }
        }
    }

    private mutating func add(tokens count: Int, text: some Sequence<String>) {
        tokens += Int64(count)
        bytes += Int64(count) * Self.bytesPerToken
        for element in text { bytes += Int64(element.utf8.count) }
    }

    var isReadable: Bool {
        bytes <= Limits.manifestBytesMax && tokens <= Limits.manifestTokensMax
    }
}
