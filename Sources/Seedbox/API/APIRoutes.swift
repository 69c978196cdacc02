import HTTPTypes
import JSONText
import Units

/// `/api/v1`: everything that the seedbox can be asked and told, in the words of its model. The
/// command line and the page speak it.
public struct APIRoutes: Sendable {
    let seedbox: Seedbox
    let logs: LogOutput?
    private let version: String

    /// - Parameter logs: What `/api/v1/logs` follows.
    public init(_ seedbox: Seedbox, logs: LogOutput? = nil) {
        self.seedbox = seedbox
        self.version = programVersion
        self.logs = logs
    }

    public var routes: [Route] {
        let described = health + lists + details + commands + session + settings
        func description(_ bytes: [UInt8]) -> Route {
            Route(.get, "/api/v1/openapi.json", .read, "This description", reply: .any) { _ in
                HTTPReply(type: "application/json", bytes)
            }
        }
        let document = OpenAPI.document(of: described + [description([])], version: version)
        return described + [description(Array(document.text.utf8))]
    }

    // MARK: Health

    private var health: [Route] {
        [
            Route(
                .get, "/healthz", .open, "Whether the process lives", replyType: "text/plain"
            ) { _ in .text("ok\n") },
            Route(
                .get, "/readyz", .open, "Whether all torrents are loaded",
                replyType: "text/plain"
            ) { [seedbox] _ in
                // Torrents are loaded before anything is served, and stay until the end.
                _ = seedbox.catalogue.revision
                return .text("ready\n")
            },
        ]
    }

    // MARK: Session

    private var session: [Route] {
        [
            Route(
                .get, "/api/v1/session", .read, "Version, statistics and free space",
                reply: Self.sessionSchema
            ) { [self] _ in .json(await sessionJSON()) },
            Route(
                .get, "/api/v1/events", .read, "Changes, as server-sent events",
                query: [("since", .integer), ("fields", .string)],
                replyType: "text/event-stream"
            ) { [seedbox] call throws(HTTPFailure) in
                let fields = try RowField.named(call.query("fields"))
                let since = try Self.revision(
                    call.headers[.named("Last-Event-ID")] ?? call.query("since"))
                let events = ChangeEvents(
                    catalogue: seedbox.catalogue, fields: fields,
                    since: since ?? seedbox.catalogue.revision)
                return .events(events)
            },
        ]
            + (logs.map { logs in
                [
                    Route(
                        .get, "/api/v1/logs", .admin, "The log, as server-sent events",
                        replyType: "text/event-stream"
                    ) { _ in .events(LogEvents(output: logs)) }
                ]
            } ?? [])
    }

    private func sessionJSON() async -> JSON {
        let statistics = seedbox.statistics
        func totals(_ totals: SessionStatistics.Totals) -> JSON {
            [
                "downloaded": .integer(totals.downloaded), "uploaded": .integer(totals.uploaded),
                "secondsActive": .integer(totals.secondsActive),
                "sessions": .integer(totals.sessions),
                "torrentsAdded": .integer(totals.torrentsAdded),
            ]
        }
        let paths = seedbox.settings.contentFolders
        let folders: [JSON] = await seedbox.space.soon(paths).map { folder in
            [
                "path": .string(folder.path), "free": .integer(folder.free),
                "total": .integer(folder.total),
            ]
        }
        return [
            "version": .string(version), "port": .integer(Int64(seedbox.port)),
            "torrents": .count(seedbox.catalogue.count),
            "revision": .integer(Int64(clamping: seedbox.catalogue.revision)),
            "statistics": [
                "thisRun": totals(statistics.thisRun), "allTime": totals(statistics.allTime),
                "downloadRate": .integer(statistics.downloadRate),
                "uploadRate": .integer(statistics.uploadRate),
                "peers": .count(statistics.peers),
                "usesAlternativeLimits": .bool(statistics.usesAlternativeLimits),
                "alternativeLimitsBy": .string(statistics.alternativeDecision.rawValue),
                "started": .integer(statistics.started),
            ],
            "folders": .array(folders),
            "changedSettings": .strings(seedbox.changedSettings),
        ]
    }

    private static let sessionSchema: Schema = {
        let totals = Schema.named(
            "Totals",
            .object([
                .required("downloaded", .integer), .required("uploaded", .integer),
                .required("secondsActive", .integer), .required("sessions", .integer),
                .required("torrentsAdded", .integer),
            ]))
        return .object([
            .required("version", .string), .required("port", .integer),
            .required("torrents", .integer), .required("revision", .integer),
            .required(
                "statistics",
                .object([
                    .required("thisRun", totals), .required("allTime", totals),
                    .required("downloadRate", .integer), .required("uploadRate", .integer),
                    .required("peers", .integer), .required("usesAlternativeLimits", .bool),
                    .required(
                        "alternativeLimitsBy",
                        .word(AlternativeDecision.allCases.map(\.rawValue))),
                    .required("started", .integer),
                ])),
            .required("changedSettings", .array(.string)),
            .required(
                "folders",
                .array(
                    .object([
                        .required("path", .string), .required("free", .integer),
                        .required("total", .integer),
                    ]))),
        ])
    }()

    // MARK: What is common

    static func revision(_ text: String?) throws(HTTPFailure) -> UInt64? {
        guard let text, !text.isEmpty else { return nil }
        guard let revision = UInt64(text) else {
            throw JSONInput.bad("since", "write the revision that was told")
        }
        return revision
    }

    /// The torrent that the path names: by its number, or by its info-hash in hex.
    func row(_ call: HTTPCall) throws(HTTPFailure) -> TorrentRow {
        let name = call.parameters["id"] ?? ""
        let row =
            name.utf8.count <= 19
            ? Int64(name).flatMap { seedbox.catalogue.row(TorrentID($0)) }
            : seedbox.catalogue.row(named: name)
        guard let row else { throw HTTPFailure(.noSuchTorrent(name.shownInLog)) }
        return row
    }
}

extension HTTPReply {
    /// Server-sent events: an answer that does not end by itself.
    static func events(_ events: some AsyncSequence<[UInt8], Never> & Sendable) -> HTTPReply {
        var reply = HTTPReply(
            headers: [.contentType: "text/event-stream", .cacheControl: "no-cache"],
            body: .stream(events))
        reply.isEndless = true
        return reply
    }
}

/// Does what may fail as the seedbox fails, and fails as HTTP does.
func telling<Value>(
    _ body: () async throws(SeedboxError) -> Value
) async throws(HTTPFailure) -> Value {
    do throws(SeedboxError) {
        return try await body()
    } catch {
        throw HTTPFailure(error)
    }
}
