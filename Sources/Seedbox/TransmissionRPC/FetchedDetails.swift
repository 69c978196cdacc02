import FoundationEssentials
import JSONText
import Metainfo
import Units

/// What of a torrent is not in its row, as far as it was asked for.
struct FetchedDetails {
    var comment = ""
    var creator = ""
    /// Seconds since 1970.
    var created: Int64 = 0
    var magnet = ""
    var files: [FileRow] = []
    var peers: [PeerRow] = []
    var trackers: [TrackerRow] = []
    var pieces: PieceMap?

    /// For those who may only read: passkeys are the account's.
    mutating func hideSecrets() {
        for index in trackers.indices { trackers[index].url = redacted(trackers[index].url) }
        guard var link = try? MagnetLink(magnet) else { return }
        link.trackers = []
        magnet = link.text
    }

    func write(
        _ field: TorrentField, of row: TorrentRow, _ spelling: Spelling,
        into out: inout JSONWriter
    ) {
        switch field {
        case .comment: out.string(comment)
        case .creator: out.string(creator)
        case .dateCreated: out.integer(created)
        case .magnetLink: out.string(magnet)
        // Nothing is fetched over HTTP.
        case .webseeds: list([String](), into: &out) { $1.string($0) }
        case .primaryMIMEType: out.string(MIMEType.primary(of: files))
        case .bytesCompleted: list(files, into: &out) { $1.integer($0.bytesDone) }
        case .priorities: list(files, into: &out) { $1.integer($0.priority.rawValue) }
        // In the old dialect these are numbers, whatever its specification says.
        case .wanted:
            list(files, into: &out) { file, out in
                switch spelling {
                case .old: out.integer(file.isWanted ? 1 : 0)
                case .new: out.bool(file.isWanted)
                }
            }
        case .files: list(files, into: &out) { Self.write($0, spelling, into: &$1) }
        case .fileStats: list(files, into: &out) { Self.writeState(of: $0, spelling, into: &$1) }
        case .peers: list(peers, into: &out) { Self.write($0, spelling, into: &$1) }
        case .peersFrom: writeOrigins(spelling, into: &out)
        case .trackers, .trackerStats, .trackerList:
            TrackerView(trackers).write(field, spelling, into: &out)
        case .pieces: out.string(pieces.map { Data($0.have.wireBytes).base64EncodedString() } ?? "")
        case .availability: writeAvailability(into: &out)
        case .desiredAvailable: out.integer(available(of: row))
        default: out.null()
        }
    }

    private func list<Element>(
        _ elements: [Element], into out: inout JSONWriter,
        _ write: (Element, inout JSONWriter) -> Void
    ) {
        out.beginArray()
        for element in elements { write(element, &out) }
        out.endArray()
    }

    private static func write(
        _ file: FileRow, _ spelling: Spelling, into out: inout JSONWriter
    ) {
        out.beginObject()
        out.name(spelling.name("bytesCompleted"))
        out.integer(file.bytesDone)
        out.name("length")
        out.integer(file.length)
        out.name("name")
        out.string(file.path)
        out.name(spelling.name("beginPiece"))
        out.integer(file.pieces.lowerBound)
        out.name(spelling.name("endPiece"))
        out.integer(file.pieces.upperBound)
        out.endObject()
    }

    private static func writeState(
        of file: FileRow, _ spelling: Spelling, into out: inout JSONWriter
    ) {
        out.beginObject()
        out.name(spelling.name("bytesCompleted"))
        out.integer(file.bytesDone)
        out.name("priority")
        out.integer(file.priority.rawValue)
        out.name("wanted")
        out.bool(file.isWanted)
        out.endObject()
    }

    private static func write(
        _ peer: PeerRow, _ spelling: Spelling, into out: inout JSONWriter
    ) {
        let flags: [(String, Bool)] = [
            ("clientIsChoked", peer.weAreChoked),
            ("clientIsInterested", peer.weAreInterested),
            ("isDownloadingFrom", peer.weAreInterested && !peer.weAreChoked),
            ("isEncrypted", peer.isEncrypted),
            ("isIncoming", peer.isIncoming),
            ("isUploadingTo", peer.peerIsInterested && !peer.peerIsChoked),
            ("isUTP", peer.isUTP),
            ("peerIsChoked", peer.peerIsChoked),
            ("peerIsInterested", peer.peerIsInterested),
        ]
        out.beginObject()
        out.name("address")
        out.string(peer.endpoint.addressText)
        out.name("port")
        out.integer(peer.endpoint.port)
        out.name(spelling.name("clientName"))
        out.string(peer.client)
        out.name(spelling.name("flagStr"))
        out.string(peer.flags)
        out.name("progress")
        out.number(peer.progress)
        out.name(spelling.name("rateToClient"))
        out.integer(peer.rateToUs)
        out.name(spelling.name("rateToPeer"))
        out.integer(peer.rateToPeer)
        for (name, value) in flags {
            out.name(spelling.name(name))
            out.bool(value)
        }
        out.endObject()
    }

    /// Each peer counts for the first that told of it.
    private func writeOrigins(_ spelling: Spelling, into out: inout JSONWriter) {
        var counts: [String: Int] = [:]
        for peer in peers {
            let source = peer.isIncoming ? "incoming" : peer.sources.first ?? "earlier"
            counts[source == "link" ? "earlier" : source, default: 0] += 1
        }
        let origins = [
            ("fromCache", "earlier"), ("fromDht", "dht"), ("fromIncoming", "incoming"),
            ("fromLpd", "lsd"), ("fromLtep", ""), ("fromPex", "pex"), ("fromTracker", "tracker"),
        ]
        out.beginObject()
        for (name, source) in origins {
            out.name(spelling.name(name))
            out.integer(counts[source] ?? 0)
        }
        out.endObject()
    }

    // MARK: Pieces

    /// -1 for a piece that is there, otherwise the peers that have it.
    private func writeAvailability(into out: inout JSONWriter) {
        out.beginArray()
        if let pieces {
            for index in 0..<pieces.have.count {
                let isThere = pieces.have.contains(PieceIndex(index))
                out.integer(isThere ? -1 : pieces.peers(having: index))
            }
        }
        out.endArray()
    }

    /// Bytes that are wanted, are not there, and that some connected peer has.
    private func available(of row: TorrentRow) -> Int64 {
        guard let pieces, let content = row.content, row.bytesLeft > 0 else { return 0 }
        if row.seedsConnected > 0 { return row.bytesLeft }
        let count = (0..<pieces.have.count).count { index in
            let isThere = pieces.have.contains(PieceIndex(index))
            return !isThere && pieces.peers(having: index) > 0
        }
        return min(row.bytesLeft, content.pieceLength.multipliedSaturating(by: Int64(count)))
    }
}

extension PieceMap {
    fileprivate func peers(having index: Int) -> Int {
        availability.indices.contains(index) ? Int(availability[index]) : 0
    }
}

/// What most bytes of a torrent are, by the names of their files.
enum MIMEType {
    static func primary(of files: [FileRow]) -> String {
        var bytes: [String: Int64] = [:]
        for file in files {
            let name = file.path.split(separator: "/").last ?? ""
            guard let dot = name.lastIndex(of: ".") else { continue }
            let ending = name[name.index(after: dot)...].lowercased()
            guard let type = byEnding[ending] else { continue }
            bytes[type] = (bytes[type] ?? 0).addingSaturating(file.length)
        }
        let most = bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }
        return most?.key ?? "application/octet-stream"
    }

    private static let byEnding = [
        "mkv": "video/x-matroska", "mp4": "video/mp4", "m4v": "video/mp4", "avi": "video/x-msvideo",
        "webm": "video/webm", "mov": "video/quicktime", "mpg": "video/mpeg", "ts": "video/mp2t",
        "mp3": "audio/mpeg", "flac": "audio/x-flac", "ogg": "audio/ogg", "opus": "audio/ogg",
        "m4a": "audio/mp4", "wav": "audio/x-wav", "aac": "audio/aac",
        "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif",
        "webp": "image/webp", "svg": "image/svg+xml",
        "txt": "text/plain", "nfo": "text/x-nfo", "srt": "application/x-subrip",
        "html": "text/html",
        "pdf": "application/pdf", "epub": "application/epub+zip", "json": "application/json",
        "zip": "application/zip", "gz": "application/gzip", "xz": "application/x-xz",
        "7z": "application/x-7z-compressed", "rar": "application/vnd.rar",
        "tar": "application/x-tar",
        "iso": "application/x-iso9660-image", "deb": "application/vnd.debian.binary-package",
    ]
}
