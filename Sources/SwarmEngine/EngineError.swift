/// What can go wrong with a session or a torrent, each in one line that says so.
public enum EngineError: Error, Hashable, Sendable, CustomStringConvertible {
    case cannotListen(port: UInt16, reason: String)
    case badAddress(String)
    case duplicate(name: String)
    /// The content to seed is not there, or not all of it.
    case incomplete(name: String, missingPieces: Int, pieces: Int)
    /// A file or folder; `reason` says what and why.
    case storage(path: String, reason: String)
    case noSpace(path: String)
    /// What was complete is not there at all, in a folder that is.
    case missingContent(path: String)
    /// The state folder or its database.
    case state(path: String, reason: String)
    case tracker(String)
    /// A tracker was not reached, or did not answer.
    case trackerSilent(String)
    case inconsistentHashes(name: String)
    /// What peers sent for the info-hash has the right hash and is no torrent.
    case metadata(name: String, reason: String)
    /// The files that were asked for are not there.
    case badSelection(name: String, reason: String)
    /// A file or folder of it cannot be called that.
    case badName(name: String, reason: String)
    /// Something else is being done with its content.
    case busy(name: String)
    case download(url: String, reason: String)
    /// It would come from a private network, from which it may not.
    case privateAddress(url: String, reason: String)
    case stopped

    public var description: String {
        switch self {
        case .cannotListen(let port, let reason): "port \(port): cannot listen: \(reason)"
        case .badAddress(let text): "\(text): not an IP address of this machine"
        case .duplicate(let name): "\(name): already in this session"
        case .incomplete(let name, let missing, let pieces):
            "\(name): \(missing) of \(pieces) pieces are missing or wrong"
        case .storage(let path, let reason): "\(path): \(reason)"
        case .noSpace(let path):
            "\(path): no space left on the device; free some and run the same command again"
        case .missingContent(let path):
            "\(path): no data found, where all of it was; put it back, or start or check the "
                + "torrent to fetch it again"
        case .state(let path, let reason): "\(path): \(reason)"
        case .tracker(let text), .trackerSilent(let text): text
        case .inconsistentHashes(let name):
            "\(name): its v1 and v2 hashes contradict each other; the torrent is broken"
        case .metadata(let name, let reason): "\(name): its metadata is of no use: \(reason)"
        case .badSelection(let name, let reason): "\(name): \(reason)"
        case .badName(let name, let reason): "\(name): \(reason)"
        case .busy(let name): "\(name): its content is being checked or moved; try again later"
        case .download(let url, let reason), .privateAddress(let url, let reason):
            "\(url): \(reason)"
        case .stopped: "the session has stopped"
        }
    }
}
