/// Every bound of this room.
enum Limits {
    /// Bytes; the longest piece of a manifest that is made here. Longer ones are refused by most
    /// clients, and what is hashed is streamed, so that no piece is ever in memory as a whole.
    static let pieceLengthMax: UInt32 = 256 << 20

    /// Bytes; the shortest piece of v2 and hybrid manifests is one block (BEP 52, "piece length").
    static let pieceLengthMin: UInt32 = 16 << 10

    /// Bytes; the longest piece that is chosen automatically.
    static let automaticPieceLengthMax: UInt32 = 16 << 20

    /// Files of a manifest, at some hundred bytes of memory each.
    static let fileCountMax = 1_000_000

    /// Bytes of a manifest, of which readers take 64 MiB, ours too; the rest is for trackers, web
    /// seeds and texts.
    static let manifestBytesMax: Int64 = 60 << 20

    /// Values of a manifest, of which readers take three million, ours too.
    static let manifestTokensMax: Int64 = 2_900_000

    /// Folders within one another: each is a level of the file tree, and parsers bound those.
    static let folderDepthMax = 64

    /// Bytes of one pattern to include or exclude by: matching takes time in its length.
    static let patternBytesMax = 4096

    /// Patterns to include or exclude by, each: every one is tried for every file.
    static let patternCountMax = 1024

    /// Bytes read at a time and thread: enough to make calls cheap, few enough to be hashed from
    /// the cache that they were read into. A multiple of the block length.
    static let readBytes = 256 << 10

    /// Bytes that a thread takes on at a time, or one piece if that is more. What is left to wait
    /// for at the end is at most this for each thread.
    static let runBytesMax: Int64 = 8 << 20

    /// Runs for each thread, if there is less content than makes them `runBytesMax` long.
    static let runsPerThread: Int64 = 8

    /// Threads; more than cores are of use only where storage answers slowly.
    static let threadsMax = 256

    /// Nanoseconds between two reports of progress.
    static let progressInterval: Int64 = 100_000_000

    /// Bytes of a link's target: Linux's own bound on paths.
    static let linkTargetBytesMax = 4096
}
