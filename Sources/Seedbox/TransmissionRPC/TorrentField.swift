import JSONText

/// What can be asked of a torrent, by the old spelling of its name.
enum TorrentField: String, CaseIterable {
    case activityDate, addedDate, availability, bandwidthPriority, bytesCompleted, comment
    case corruptEver, creator, dateCreated, desiredAvailable, doneDate, downloadDir
    case downloadedEver, downloadLimit, downloadLimited, editDate, error, errorString, eta, etaIdle
    case fileCount = "file-count"
    case files, fileStats, group, hashString, haveUnchecked, haveValid, honorsSessionLimits, id
    case isFinished, isPrivate, isStalled, labels, leftUntilDone, magnetLink, manualAnnounceTime
    case maxConnectedPeers, metadataPercentComplete, name
    case peerLimit = "peer-limit"
    case peers, peersConnected, peersFrom, peersGettingFromUs, peersSendingToUs, percentComplete
    case percentDone, pieces, pieceCount, pieceSize, priorities
    case primaryMIMEType = "primary-mime-type"
    case queuePosition, rateDownload, rateUpload, recheckProgress, secondsDownloading
    case secondsSeeding, seedIdleLimit, seedIdleMode, seedRatioLimit, seedRatioMode
    case sequentialDownload, sizeWhenDone, startDate, status, torrentFile, totalSize, trackers
    case trackerList, trackerStats, uploadedEver, uploadLimit, uploadLimited, uploadRatio, wanted
    case webseeds, webseedsSendingToUs

    /// By either spelling, and by that of Vuze (`fileCount`).
    init?(spelled name: String) {
        guard let field = Self.byName[Spelling.plain(name)] else { return nil }
        self = field
    }

    private static let byName = Dictionary(
        allCases.map { (Spelling.plain($0.rawValue), $0) }, uniquingKeysWith: { first, _ in first })

    /// What has to be fetched for it; of most that is nothing, as the row of the torrent has it.
    var needs: TorrentNeeds {
        switch self {
        case .comment, .creator, .dateCreated: .about
        case .bytesCompleted, .files, .fileStats, .priorities, .primaryMIMEType, .wanted: .files
        case .peers, .peersFrom: .peers
        case .trackers, .trackerList, .trackerStats: .trackers
        case .pieces, .availability, .desiredAvailable: .pieces
        case .magnetLink: .magnet
        default: []
        }
    }
}

/// What of a torrent is not in its row.
struct TorrentNeeds: OptionSet {
    let rawValue: UInt8

    static let about = TorrentNeeds(rawValue: 1)
    static let files = TorrentNeeds(rawValue: 2)
    static let peers = TorrentNeeds(rawValue: 4)
    static let trackers = TorrentNeeds(rawValue: 8)
    static let pieces = TorrentNeeds(rawValue: 16)
    static let magnet = TorrentNeeds(rawValue: 32)
}

/// The fields of a `torrent-get`, under the names by which they were asked for: what Vuze calls
/// `fileCount` and Transmission `file-count` may both be wanted.
struct TorrentFields {
    struct Asked {
        let field: TorrentField
        let name: String
        let encodedName: [UInt8]
    }

    let asked: [Asked]
    let isTable: Bool
    let needs: TorrentNeeds

    /// Fields that nobody knows are passed over: programs ask for those of all versions.
    init(_ arguments: RPCArguments) throws(RPCFailure) {
        guard let names = try arguments.texts("fields", countMax: Limits.rpcFieldsMax) else {
            throw .bad("fields", "no fields specified")
        }
        var seen: Set<String> = []
        var asked: [Asked] = []
        for name in names where seen.insert(name).inserted {
            guard let field = TorrentField(spelled: name) else { continue }
            asked.append(
                Asked(
                    field: field, name: name, encodedName: JSONWriter.encodedName(name)))
        }
        self.asked = asked
        self.needs = asked.reduce(into: []) { $0.formUnion($1.field.needs) }
        switch try arguments.text("format") {
        case nil, "objects": isTable = false
        case "table": isTable = true
        case let other?: throw .bad("format", "\(other): neither 'objects' nor 'table'")
        }
    }

    func writeHead(into out: inout JSONWriter) {
        guard isTable else { return }
        out.beginArray()
        for one in asked { out.string(one.name) }
        out.endArray()
    }

    func write(_ row: TorrentRow, _ view: TorrentView, into out: inout JSONWriter) {
        if isTable { out.beginArray() } else { out.beginObject() }
        for one in asked {
            if !isTable { out.name(encoded: one.encodedName) }
            view.write(one.field, of: row, into: &out)
        }
        if isTable { out.endArray() } else { out.endObject() }
    }
}

extension TorrentFields {
    func begin(removed: [TorrentID]?, into out: inout JSONWriter) {
        out.beginObject()
        if let removed {
            out.name("removed")
            out.beginArray()
            for id in removed { out.integer(id.rawValue) }
            out.endArray()
        }
        out.name("torrents")
        out.beginArray()
        writeHead(into: &out)
    }

    func end(into out: inout JSONWriter) {
        out.endArray()
        out.endObject()
    }
}
