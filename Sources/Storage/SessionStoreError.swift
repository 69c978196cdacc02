/// Why the session store could not do what it was asked.
public enum SessionStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case cannotOpen(path: String, reason: String)
    /// A newer version of this program has changed the store.
    case newerSchema(path: String)
    /// A statement failed: the disk is full, or the file is damaged or locked for too long.
    case failed(reason: String)
    case unknownTorrent

    public var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "\(path): cannot be opened: \(reason)"
        case .newerSchema(let path): "\(path): was written by a newer version of this program"
        case .failed(let reason): "session store: \(reason)"
        case .unknownTorrent: "session store: no such torrent"
        }
    }
}
