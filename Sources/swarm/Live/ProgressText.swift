import JSONText
import Terminal
import Units

/// Progress where nothing can be redrawn: one line of plain words for a pipe, one object for
/// `--json`.
enum ProgressText {
    /// `Film: downloading 47.3% of 5.0 GiB, down 12.3 MiB/s, up 1.2 MiB/s, 23 peers, 3m20s left`.
    static func line(_ torrent: LiveTorrent) -> String {
        let name = terminalSafe(torrent.name)
        let percent = percentText(torrent.bytesDone, of: torrent.bytesWanted)
        let size = sizeText(torrent.bytesWanted)
        switch torrent.phase {
        case .paused(let reason): return "\(name): paused at \(percent): \(terminalSafe(reason))"
        case .waiting(let word): return "\(name): \(terminalSafe(word)) at \(percent)"
        case .failed(let reason): return "\(name): failed: \(terminalSafe(reason))"
        case .fetchingMetadata:
            let peers = countText(torrent.peersConnected, "peer")
            guard torrent.bytesWanted > 0 else { return "\(name): fetching metadata, \(peers)" }
            return "\(name): fetching metadata, \(percent) of \(size), \(peers)"
        case .checking: return "\(name): checking \(percent) of \(size)"
        case .downloading, .seeding, .done: break
        }
        var parts: [String] = []
        if torrent.phase == .downloading {
            parts.append("downloading \(percent) of \(size)")
            parts.append("down \(rateText(torrent.downloadRate))")
        } else {
            parts.append("\(torrent.phase.word) \(size)")
        }
        parts.append("up \(rateText(torrent.uploadRate))")
        parts.append(countText(torrent.peersConnected, "peer"))
        if torrent.phase == .downloading, let left = torrent.timeLeft {
            parts.append("\(intervalText(left)) left")
        }
        if torrent.phase != .downloading, torrent.ratio != nil {
            parts.append("ratio \(ratioText(torrent.ratio))")
        }
        return "\(name): " + parts.joined(separator: ", ")
    }

    static func json(_ torrent: LiveTorrent, infoHash: String) -> JSON {
        var members: [JSON.Member] = [
            ("event", "progress"), ("info_hash", .string(infoHash)),
            ("name", .string(torrent.name)),
            ("state", .string(torrent.phase.word.replacing(" ", with: "_"))),
            ("bytes_wanted", .integer(torrent.bytesWanted)),
            ("bytes_done", .integer(torrent.bytesDone)),
            ("pieces", .count(torrent.have.count)),
            ("pieces_done", .count(torrent.have.setCount)),
            ("downloaded", .integer(torrent.downloaded)),
            ("uploaded", .integer(torrent.uploaded)),
            ("download_rate", .integer(torrent.downloadRate.bytesPerSecond)),
            ("upload_rate", .integer(torrent.uploadRate.bytesPerSecond)),
            ("peers", .count(torrent.peersConnected)),
            ("seeds", .count(torrent.seedsConnected)),
            ("peers_known", .count(torrent.peersKnown)),
            ("seconds_left", torrent.timeLeft.map { .integer(Int64($0.seconds)) } ?? .null),
            ("ratio", torrent.ratio.map(JSON.number) ?? .null),
        ]
        switch torrent.phase {
        case .paused(let reason), .failed(let reason):
            members.append(("reason", .string(reason)))
        case .fetchingMetadata, .checking, .downloading, .seeding, .done, .waiting: break
        }
        return .object(members)
    }
}
