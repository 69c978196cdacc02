import JSONText

/// The daemon's torrents, kept as they are by asking for what has changed.
struct RemoteList: Sendable {
    private(set) var revision: Int64 = 0
    private var byID: [Int64: RemoteTorrent] = [:]

    var torrents: [RemoteTorrent] { Array(byID.values) }

    subscript(id: Int64) -> RemoteTorrent? { byID[id] }

    /// Takes what changed since `revision`, or all there is.
    mutating func take(_ answer: JSON) {
        if answer["isComplete"]?.bool == false { byID = [:] }
        for torrent in (answer["changed"]?.elements ?? []).lazy.compactMap(RemoteTorrent.init) {
            byID[torrent.id] = torrent
        }
        for removed in answer["removed"]?.elements ?? [] {
            if let id = removed.integer ?? removed["id"]?.integer { byID[id] = nil }
        }
        revision = answer["revision"]?.integer ?? 0
    }
}
