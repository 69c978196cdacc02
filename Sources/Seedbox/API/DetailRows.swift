import FoundationEssentials
import JSONText
import Units

/// What is told of a torrent's parts, one object for each.
enum DetailRows {
    // MARK: Files

    static func write(_ files: [FileRow]) -> [UInt8] {
        list("files", files) { file, out in
            out.name("index")
            out.integer(file.index)
            out.name("path")
            out.string(file.path)
            out.name("length")
            out.integer(file.length)
            out.name("bytesDone")
            out.integer(file.bytesDone)
            out.name("isWanted")
            out.bool(file.isWanted)
            out.name("priority")
            out.string(file.priority.word)
            out.name("firstPiece")
            out.integer(file.pieces.lowerBound)
            out.name("pieceCount")
            out.integer(file.pieces.count)
        }
    }

    static let filesSchema = listSchema(
        "files", "File",
        [
            .required("index", .integer), .required("path", .string),
            .required("length", .integer), .required("bytesDone", .integer),
            .required("isWanted", .bool), .required("priority", .word(FilePriority.words)),
            .required("firstPiece", .integer), .required("pieceCount", .integer),
        ])

    // MARK: Trackers

    /// - Parameter hidesSecrets: Whether the asker may only read, and so not announce as we do.
    static func write(_ trackers: [TrackerRow], hidesSecrets: Bool) -> [UInt8] {
        list("trackers", trackers) { tracker, out in
            out.name("url")
            out.string(hidesSecrets ? redacted(tracker.url) : tracker.url)
            out.name("tier")
            out.integer(tracker.tier)
            out.name("state")
            out.string(tracker.state.rawValue)
            out.name("message")
            out.optional(tracker.message.map(redacted))
            for (name, count) in [
                ("seeds", tracker.seeds), ("leechers", tracker.leechers),
                ("downloads", tracker.downloads), ("peersInAnswer", tracker.peersInAnswer),
            ] {
                out.name(name)
                out.optional(count)
            }
            out.name("lastAnnounce")
            out.optional(tracker.lastAnnounce)
            out.name("nextAnnounce")
            out.optional(tracker.nextAnnounce)
        }
    }

    static let trackersSchema = listSchema(
        "trackers", "Tracker",
        [
            .required("url", .string), .required("tier", .integer),
            .required(
                "state", .word(["unused", "waiting", "announcing", "working", "failed"])),
            .required("message", .nullable(.string)), .required("seeds", .nullable(.integer)),
            .required("leechers", .nullable(.integer)),
            .required("downloads", .nullable(.integer)),
            .required("peersInAnswer", .nullable(.integer)),
            .required("lastAnnounce", .nullable(.integer)),
            .required("nextAnnounce", .nullable(.integer)),
        ])

    // MARK: Peers

    static func write(_ peers: [PeerRow]) -> [UInt8] {
        list("peers", peers) { peer, out in
            out.name("endpoint")
            out.string("\(peer.endpoint)")
            out.name("client")
            out.string(peer.client)
            out.name("flags")
            out.string(peer.flags)
            for (name, value) in [
                ("isIncoming", peer.isIncoming), ("isEncrypted", peer.isEncrypted),
                ("isUTP", peer.isUTP), ("weAreInterested", peer.weAreInterested),
                ("weAreChoked", peer.weAreChoked), ("peerIsInterested", peer.peerIsInterested),
                ("peerIsChoked", peer.peerIsChoked),
            ] {
                out.name(name)
                out.bool(value)
            }
            out.name("progress")
            out.number(peer.progress)
            for (name, value) in [
                ("rateToUs", peer.rateToUs), ("rateToPeer", peer.rateToPeer),
                ("downloaded", peer.downloaded), ("uploaded", peer.uploaded),
            ] {
                out.name(name)
                out.integer(value)
            }
            out.name("sources")
            out.beginArray()
            for source in peer.sources { out.string(source) }
            out.endArray()
        }
    }

    static let peersSchema = listSchema(
        "peers", "Peer",
        [
            .required("endpoint", .string), .required("client", .string),
            .required("flags", .string), .required("isIncoming", .bool),
            .required("isEncrypted", .bool), .required("isUTP", .bool),
            .required("weAreInterested", .bool), .required("weAreChoked", .bool),
            .required("peerIsInterested", .bool), .required("peerIsChoked", .bool),
            .required("progress", .number), .required("rateToUs", .integer),
            .required("rateToPeer", .integer), .required("downloaded", .integer),
            .required("uploaded", .integer), .required("sources", .array(.string)),
        ])

    // MARK: Pieces and reasons

    /// Both maps in base64: a bit a piece, the first one highest, and a byte a piece.
    static func write(_ map: PieceMap) -> [UInt8] {
        var out = JSONWriter(reservingBytes: 4_096 + map.availability.count * 2)
        out.beginObject()
        out.name("count")
        out.integer(map.have.count)
        out.name("have")
        out.string(Data(map.have.wireBytes).base64EncodedString())
        out.name("availability")
        out.string(Data(map.availability).base64EncodedString())
        out.endObject()
        return out.bytes
    }

    static let piecesSchema = Schema.object([
        .required("count", .integer), .required("have", .string),
        .required("availability", .string),
    ])

    static func write(_ reasons: [SlownessReason]) -> [UInt8] {
        list("reasons", reasons) { reason, out in
            out.name("kind")
            out.string(reason.kind.rawValue)
            out.name("count")
            out.integer(reason.count)
            out.name("text")
            out.string(redacted(reason.text))
        }
    }

    static let reasonsSchema = listSchema(
        "reasons", "Reason",
        [
            .required("kind", .word(SlownessReason.Kind.allCases.map(\.rawValue))),
            .required("count", .integer), .required("text", .string),
        ])

    // MARK: Lists

    private static func list<Row>(
        _ name: String, _ rows: [Row], _ write: (Row, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var out = JSONWriter(reservingBytes: 64 + rows.count * 256)
        out.beginObject()
        out.name(name)
        out.beginArray()
        for row in rows {
            out.beginObject()
            write(row, &out)
            out.endObject()
        }
        out.endArray()
        out.endObject()
        return out.bytes
    }

    private static func listSchema(
        _ name: String, _ component: String, _ members: [Schema.Member]
    ) -> Schema {
        .object([.required(name, .array(.named(component, .object(members))))])
    }
}
