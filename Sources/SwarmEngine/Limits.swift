/// The bounds of a session.
enum Limits {
    /// Events that wait for a slow listener; older ones are forgotten.
    static let eventsMax = 1_024
    /// Bytes that one read for one peer collects: large enough to make system calls cheap, small
    /// enough that peers take turns.
    static let uploadBatchBytesMax = 256 * 1024
    /// Upload buffers kept for the next batches of a torrent.
    static let uploadBuffersKept = 16
    /// Seconds that leaving may take in all.
    static let shutdownSeconds = 5.0
    /// Hashes that one answer to a hash request may hold (BEP 52).
    static let hashesPerAnswerMax = 512
}
