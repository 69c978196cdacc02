import HTTPTypes

/// The methods, as both spellings come to.
enum RPCMethod: String, CaseIterable {
    case torrentGet = "torrent_get"
    case torrentAdd = "torrent_add"
    case torrentSet = "torrent_set"
    case torrentRemove = "torrent_remove"
    case torrentStart = "torrent_start"
    case torrentStartNow = "torrent_start_now"
    case torrentStop = "torrent_stop"
    case torrentVerify = "torrent_verify"
    case torrentReannounce = "torrent_reannounce"
    case torrentSetLocation = "torrent_set_location"
    case torrentRenamePath = "torrent_rename_path"
    case queueMoveTop = "queue_move_top"
    case queueMoveUp = "queue_move_up"
    case queueMoveDown = "queue_move_down"
    case queueMoveBottom = "queue_move_bottom"
    case sessionGet = "session_get"
    case sessionSet = "session_set"
    case sessionStats = "session_stats"
    case sessionClose = "session_close"
    case freeSpace = "free_space"
    case groupGet = "group_get"
    case groupSet = "group_set"
    case portTest = "port_test"
    case blocklistUpdate = "blocklist_update"

    /// What a token must allow for it.
    var scope: Scope {
        switch self {
        case .torrentGet, .sessionGet, .sessionStats, .freeSpace, .groupGet, .portTest: .read
        case .sessionSet, .sessionClose, .groupSet, .blocklistUpdate: .admin
        default: .control
        }
    }
}

/// Whom programs are told that they speak to.
enum RPCVersion {
    /// They read the first number only: what they then may use is what 4.0 has.
    static func text(_ own: String) -> String { "4.0.6 (swarm \(own))" }
    static let old: Int64 = 17
    static let oldMinimum: Int64 = 14
    static let semantic = "5.3.0"
    /// What those are told who speak JSON-RPC, or could: that they may.
    static let semanticOfJSONRPC = "6.0.0"
    static let ofJSONRPC: Int64 = 18
}

extension HTTPField.Name {
    static let transmissionSessionID = HTTPField.Name("X-Transmission-Session-Id")
    static let transmissionRPCVersion = HTTPField.Name("X-Transmission-Rpc-Version")
}
