extension Limits {
    // MARK: Transmission RPC

    /// Torrents that a request names: more than any session has, and still a body of 4 MB.
    static let rpcIDsMax = 100_000
    /// Requests in one batch of JSON-RPC.
    static let rpcBatchMax = 64
    /// Fields of one `torrent-get`: every field in both spellings, with room.
    static let rpcFieldsMax = 400
    /// Labels of a torrent, as one request sets them.
    static let rpcLabelsMax = 256
    /// Bytes after which a part of a long answer is sent.
    static let rpcPartBytesMax = 64 << 10
}
