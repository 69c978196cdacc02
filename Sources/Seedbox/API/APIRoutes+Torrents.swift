import HTTPTypes
import JSONText

/// Lists of torrents, and what there is to know of each.
extension APIRoutes {
    var lists: [Route] {
        [
            Route(
                .get, "/api/v1/torrents", .read,
                "All torrents, or with 'since' those that changed after that revision",
                query: [("fields", .string), ("since", .integer)],
                reply: .object([
                    .optional("torrents", .array(RowField.schema)),
                    .optional("isComplete", .bool),
                    .optional("changed", .array(RowField.schema)),
                    .optional(
                        "removed",
                        .array(
                            .object([.required("id", .integer), .required("infoHash", .string)]))),
                    .required("revision", .integer),
                ])
            ) { [self] call throws(HTTPFailure) in try list(call) },
            Route(
                .post, "/api/v1/torrents", .control,
                "Adds a torrent; its manifest may be the whole body, as application/x-bittorrent",
                body: Self.addSchema,
                reply: .object([
                    .required("id", .integer), .required("isNew", .bool),
                    .required("torrent", .nullable(RowField.schema)),
                ]), bodyBytesMax: Limits.manifestBodyBytesMax
            ) { [self] call throws(HTTPFailure) in try await add(call) },
        ]
    }

    private func list(_ call: HTTPCall) throws(HTTPFailure) -> HTTPReply {
        let fields = try RowField.named(call.query("fields"))
        let catalogue = seedbox.catalogue
        let headers: HTTPFields = [.contentType: "application/json"]
        guard let since = try Self.revision(call.query("since")) else {
            let list = TorrentList(of: catalogue, fields: fields) { out, revision in
                out.name("revision")
                out.integer(revision)
                out.name("torrents")
            }
            return HTTPReply(headers: headers, body: .stream(list))
        }
        let changes = catalogue.changes(since: since, atMost: Limits.eventRowsMax)
        guard changes.isComplete else {
            let list = TorrentList(of: catalogue, fields: fields) { out, revision in
                out.name("isComplete")
                out.bool(false)
                out.name("revision")
                out.integer(revision)
                out.name("removed")
                out.value([])
                out.name("changed")
            }
            return HTTPReply(headers: headers, body: .stream(list))
        }
        var out = JSONWriter(reservingBytes: 256 + changes.changed.count * 1_024)
        out.beginObject()
        out.name("isComplete")
        out.bool(true)
        changes.write(fields, into: &out)
        out.endObject()
        return HTTPReply(headers: headers, body: .bytes(out.bytes))
    }

    private func add(_ call: HTTPCall) async throws(HTTPFailure) -> HTTPReply {
        let type = call.headers[.contentType]?.lowercased() ?? ""
        let request =
            type.hasPrefix("application/x-bittorrent")
            ? AddRequest(.manifest(call.body)) : try AddRequest(call.json())
        let added = try await telling { () async throws(SeedboxError) in
            try await seedbox.add(request)
        }
        var out = JSONWriter()
        out.beginObject()
        out.name("id")
        out.integer(added.id.rawValue)
        out.name("isNew")
        out.bool(added.isNew)
        out.name("torrent")
        if let row = seedbox.catalogue.row(added.id) {
            row.write(RowField.all, into: &out)
        } else {
            out.null()
        }
        out.endObject()
        return HTTPReply(added.isNew ? .created : .ok, type: "application/json", out.bytes)
    }

    // MARK: One torrent

    var details: [Route] {
        [
            Route(
                .get, "/api/v1/torrents/{id}", .read, "One torrent, by number or info-hash",
                reply: .named(
                    "TorrentWithAbout",
                    .object(
                        RowField.all.map { .required($0.name, $0.schema) } + [
                            .required("comment", .nullable(.string)),
                            .required("creator", .nullable(.string)),
                            .required("created", .nullable(.integer)),
                        ]))
            ) { [self] call throws(HTTPFailure) in
                let row = try row(call)
                let about = try await telling { () async throws(SeedboxError) in
                    try await seedbox.about(of: row.id)
                }
                return Self.reply(row, about)
            },
            detail("files", "Its files", DetailRows.filesSchema) {
                seedbox, id, _ async throws(SeedboxError) in
                DetailRows.write(try await seedbox.files(of: id))
            },
            detail("peers", "Its connected peers", DetailRows.peersSchema) {
                seedbox, id, _ async throws(SeedboxError) in
                DetailRows.write(try await seedbox.peers(of: id))
            },
            detail("trackers", "Its trackers", DetailRows.trackersSchema) {
                seedbox, id, grant async throws(SeedboxError) in
                DetailRows.write(
                    try await seedbox.trackers(of: id), hidesSecrets: grant.scope < .control)
            },
            detail("pieces", "Which pieces are there, in base64", DetailRows.piecesSchema) {
                seedbox, id, _ async throws(SeedboxError) in
                DetailRows.write(try await seedbox.pieces(of: id))
            },
            detail("why", "Why it is not faster, most important first", DetailRows.reasonsSchema) {
                seedbox, id, _ async throws(SeedboxError) in
                DetailRows.write(try await seedbox.slowness(of: id))
            },
            Route(
                .get, "/api/v1/torrents/{id}/magnet", .control, "Its magnet link",
                reply: .object([.required("magnet", .string)])
            ) { [self] call throws(HTTPFailure) in
                let row = try row(call)
                let link = try await telling { () async throws(SeedboxError) in
                    try await seedbox.magnet(of: row.id)
                }
                return .json(["magnet": .string(link)])
            },
            Route(
                .get, "/api/v1/torrents/{id}/manifest", .control, "Its .torrent file",
                replyType: "application/x-bittorrent"
            ) { [self] call throws(HTTPFailure) in
                let row = try row(call)
                let bytes = try await telling { () async throws(SeedboxError) in
                    try await seedbox.manifest(of: row.id)
                }
                var reply = HTTPReply(type: "application/x-bittorrent", bytes)
                reply.headers[.contentDisposition] =
                    "attachment; filename=\"\(row.infoHash).torrent\""
                return reply
            },
        ]
    }

    private func detail(
        _ name: String, _ summary: String, _ schema: Schema,
        _ write:
            @escaping @Sendable (Seedbox, TorrentID, Grant) async throws(SeedboxError) -> [UInt8]
    ) -> Route {
        Route(.get, "/api/v1/torrents/{id}/\(name)", .read, summary, reply: schema) {
            [self] call throws(HTTPFailure) in
            let row = try row(call)
            let bytes = try await telling { () async throws(SeedboxError) in
                try await write(seedbox, row.id, call.grant)
            }
            return HTTPReply(type: "application/json", bytes)
        }
    }

    private static func reply(_ row: TorrentRow, _ about: TorrentAbout) -> HTTPReply {
        var out = JSONWriter()
        out.beginObject()
        for field in RowField.all {
            out.name(encoded: field.encodedName)
            field.write(row, &out)
        }
        out.name("comment")
        out.optional(about.comment)
        out.name("creator")
        out.optional(about.creator)
        out.name("created")
        out.optional(about.created)
        out.endObject()
        return HTTPReply(type: "application/json", out.bytes)
    }

    private static let addSchema = Schema.named(
        "Add",
        .object([
            .optional("manifest", .string), .optional("link", .string), .optional("url", .string),
            .optional("folder", .nullable(.string)), .optional("startsPaused", .bool),
            .optional("category", .nullable(.string)), .optional("labels", .array(.string)),
            .optional("wantedFiles", .array(.integer)),
            .optional("filePriorities", .dictionary(.word(FilePriority.words))),
            .optional("isSequential", .bool), .optional("goesToTopOfQueue", .bool),
            .optional("priority", .word(FilePriority.words)),
            .optional("seedingLimits", RowField.seedingLimitsSchema),
            .optional("downloadLimit", .nullable(.integer)),
            .optional("uploadLimit", .nullable(.integer)),
            .optional("peersMax", .nullable(.integer)), .optional("peers", .array(.string)),
        ]))
}
