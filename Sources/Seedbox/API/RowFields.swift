import HTTPTypes
import Hashing
import JSONText

/// One member of a torrent's row: its name, its shape, and how it is written.
struct RowField: Sendable {
    let name: String
    let schema: Schema
    let encodedName: [UInt8]
    let write: @Sendable (TorrentRow, inout JSONWriter) -> Void

    init(
        _ name: String, _ schema: Schema,
        _ write: @escaping @Sendable (TorrentRow, inout JSONWriter) -> Void
    ) {
        self.name = name
        self.schema = schema
        self.encodedName = JSONWriter.encodedName(name)
        self.write = write
    }

    /// All that is told of a torrent, in this order.
    static let all: [RowField] = identity + progress + traffic + peers + times + wishes

    /// What `?fields=` names; all if it names nothing.
    static func named(_ names: String?) throws(HTTPFailure) -> [RowField] {
        guard let names, !names.isEmpty else { return all }
        var fields: [RowField] = []
        var seen: Set<Substring> = []
        for name in names.split(separator: ",") where seen.insert(name).inserted {
            guard let field = byName[name] else {
                throw HTTPFailure(
                    .badRequest, "no-such-field",
                    "\(String(name).shownInLog): a torrent has no such field")
            }
            fields.append(field)
        }
        return fields
    }

    private static let byName = Dictionary(
        all.map { ($0.name[...], $0) }, uniquingKeysWith: { first, _ in first })

    /// The shape of a row with any of the fields.
    static let schema = Schema.named(
        "Torrent", .object(all.map { .optional($0.name, $0.schema) }))

    // MARK: Fields

    private static let identity = [
        RowField("id", .integer) { row, out in out.integer(row.id.rawValue) },
        RowField("infoHash", .string) { row, out in row.infoHash.write(into: &out) },
        RowField("infoHashV2", .nullable(.string)) { row, out in
            out.optional(row.infoHash.v2.map { "\($0)" })
        },
        RowField("name", .string) { row, out in out.string(row.name) },
        RowField("folder", .string) { row, out in out.string(row.folder) },
        RowField("state", .word(TorrentState.allCases.map(\.rawValue))) { row, out in
            out.string(row.state.rawValue)
        },
        RowField("error", .nullable(.named("Trouble", trouble))) { row, out in
            guard let error = row.error else { return out.null() }
            out.beginObject()
            out.name("kind")
            out.string(error.kind.rawValue)
            out.name("text")
            out.string(redacted(error.text))
            out.endObject()
        },
        RowField("content", .nullable(.named("Content", content))) { row, out in
            guard let content = row.content else { return out.null() }
            out.beginObject()
            out.name("length")
            out.integer(content.length)
            out.name("fileCount")
            out.integer(content.fileCount)
            out.name("pieceCount")
            out.integer(content.pieceCount)
            out.name("pieceLength")
            out.integer(content.pieceLength)
            out.endObject()
        },
        RowField("isPrivate", .bool) { row, out in out.bool(row.isPrivate) },
        RowField("tracker", .nullable(.string)) { row, out in
            out.optional(row.tracker.map(RedactedLinks.text))
        },
        RowField("revision", .integer) { row, out in out.integer(row.revision) },
    ]

    private static let trouble = Schema.object([
        .required("kind", .word(TorrentTrouble.Kind.allCases.map(\.rawValue))),
        .required("text", .string),
    ])

    private static let content = Schema.object([
        .required("length", .integer), .required("fileCount", .integer),
        .required("pieceCount", .integer), .required("pieceLength", .integer),
    ])

    private static let progress = [
        RowField("bytesWanted", .integer) { row, out in out.integer(row.bytesWanted) },
        RowField("bytesDone", .integer) { row, out in out.integer(row.bytesDone) },
        RowField("bytesLeft", .integer) { row, out in out.integer(row.bytesLeft) },
        RowField("isComplete", .bool) { row, out in out.bool(row.isComplete) },
        RowField("progress", .number) { row, out in out.number(row.progress) },
        RowField("secondsLeft", .nullable(.integer)) { row, out in
            out.optional(row.secondsLeft)
        },
    ]

    private static let traffic = [
        RowField("downloaded", .integer) { row, out in out.integer(row.downloaded) },
        RowField("uploaded", .integer) { row, out in out.integer(row.uploaded) },
        RowField("wasted", .integer) { row, out in out.integer(row.wasted) },
        RowField("ratio", .nullable(.number)) { row, out in
            guard let ratio = row.ratio else { return out.null() }
            out.number(ratio)
        },
        RowField("downloadRate", .integer) { row, out in out.integer(row.downloadRate) },
        RowField("uploadRate", .integer) { row, out in out.integer(row.uploadRate) },
    ]

    private static let peers = [
        RowField("peersConnected", .integer) { row, out in out.integer(row.peersConnected) },
        RowField("peersSendingToUs", .integer) { row, out in out.integer(row.peersSendingToUs) },
        RowField("peersGettingFromUs", .integer) { row, out in
            out.integer(row.peersGettingFromUs)
        },
        RowField("seedsConnected", .integer) { row, out in out.integer(row.seedsConnected) },
        RowField("peersKnown", .integer) { row, out in out.integer(row.peersKnown) },
        RowField("seedsInSwarm", .nullable(.integer)) { row, out in
            out.optional(row.seedsInSwarm)
        },
        RowField("leechersInSwarm", .nullable(.integer)) { row, out in
            out.optional(row.leechersInSwarm)
        },
    ]

    private static let times = [
        RowField("added", .integer) { row, out in out.integer(row.added) },
        RowField("completed", .nullable(.integer)) { row, out in out.optional(row.completed) },
        RowField("lastActive", .nullable(.integer)) { row, out in out.optional(row.lastActive) },
        RowField("secondsDownloading", .integer) { row, out in
            out.integer(row.secondsDownloading)
        },
        RowField("secondsSeeding", .integer) { row, out in out.integer(row.secondsSeeding) },
    ]

    private static let wishes = [
        RowField("isSequential", .bool) { row, out in out.bool(row.isSequential) },
        RowField("honoursSessionLimits", .bool) { row, out in
            out.bool(row.honoursSessionLimits)
        },
        RowField("priority", .word(FilePriority.words)) { row, out in
            out.string(row.priority.word)
        },
        RowField("labels", .array(.string)) { row, out in
            out.beginArray()
            for label in row.labels { out.string(label) }
            out.endArray()
        },
        RowField("category", .nullable(.string)) { row, out in out.optional(row.category) },
        RowField("group", .nullable(.string)) { row, out in out.optional(row.group) },
        RowField("queuePosition", .integer) { row, out in out.integer(row.queuePlace) },
        RowField("seedingLimits", seedingLimitsSchema) { row, out in
            row.seedingLimits.write(into: &out)
        },
        RowField(
            "limitReached", .nullable(.word(ReachedLimit.allCases.map(\.rawValue)))
        ) { row, out in
            out.optional(row.limitReached?.rawValue)
        },
        RowField("downloadLimit", .nullable(.integer)) { row, out in
            out.optional(row.downloadLimit)
        },
        RowField("uploadLimit", .nullable(.integer)) { row, out in
            out.optional(row.uploadLimit)
        },
        RowField("peersMax", .nullable(.integer)) { row, out in out.optional(row.peersMax) },
    ]

    /// A limit is a number, null for none, or `inherited`.
    static let seedingLimitsSchema = Schema.named(
        "SeedingLimits",
        .object([
            .required("ratio", .any), .required("seedTime", .any), .required("idle", .any),
            .required("action", .nullable(.word(LimitAction.allCases.map(\.rawValue)))),
        ]))
}

extension TorrentRow {
    func write(_ fields: [RowField], into out: inout JSONWriter) {
        out.beginObject()
        for field in fields {
            out.name(encoded: field.encodedName)
            field.write(self, &out)
        }
        out.endObject()
    }
}

extension InfoHash {
    /// As its description is.
    func write(into out: inout JSONWriter) {
        if v1 == nil, let v2 {
            v2.withUnsafeBytes { out.hexadecimal($0) }
        } else {
            primary.withUnsafeBytes { out.hexadecimal($0) }
        }
    }
}

extension JSONWriter {
    mutating func optional(_ text: String?) {
        if let text { string(text) } else { null() }
    }

    mutating func optional(_ value: (some BinaryInteger)?) {
        if let value { integer(value) } else { null() }
    }
}

extension FilePriority {
    static let words = ["low", "normal", "high"]

    var word: String {
        switch self {
        case .low: "low"
        case .normal: "normal"
        case .high: "high"
        }
    }

    init?(word: String) {
        guard let value = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = value
    }
}

extension SeedingLimits {
    func write(into out: inout JSONWriter) {
        out.beginObject()
        out.name("ratio")
        ratio.write(into: &out) { $1.number($0) }
        out.name("seedTime")
        seedTime.write(into: &out) { $1.integer($0) }
        out.name("idle")
        idle.write(into: &out) { $1.integer($0) }
        out.name("action")
        out.optional(action?.rawValue)
        out.endObject()
    }

    var json: JSON {
        [
            "ratio": ratio.json(JSON.number), "seedTime": seedTime.json(JSON.integer),
            "idle": idle.json(JSON.integer), "action": .optional(action?.rawValue),
        ]
    }
}

extension SeedingLimits.Rule {
    fileprivate func write(
        into out: inout JSONWriter, _ value: (Value, inout JSONWriter) -> Void
    ) {
        switch self {
        case .inherited: out.string("inherited")
        case .unlimited: out.null()
        case .atMost(let most): value(most, &out)
        }
    }

    fileprivate func json(_ write: (Value) -> JSON) -> JSON {
        switch self {
        case .inherited: "inherited"
        case .unlimited: .null
        case .atMost(let value): write(value)
        }
    }
}
