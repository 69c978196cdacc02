/// The bounds of the command line.
enum Limits {
    /// Patterns that one pattern's braces may stand for; more is a mistake, and would be slow.
    static let globAlternativesMax = 1_000

    /// Bytes of a `.torrent` that are read; as many as a manifest may have, and one read more tells
    /// that there are too many.
    static let manifestBytesMax = 10_000_000
}
