import HTTPTypes
import JSONText

/// What is done to torrents: to one by its path, or to many by their ids.
extension APIRoutes {
    /// What can be done to any number of torrents in the same way.
    private enum Action: String, CaseIterable {
        case start, pause, recheck, reannounce, remove, move, queue, change
    }

    var commands: [Route] {
        let singles: [(Action, String, [Schema.Member])] = [
            (.start, "Starts it", [.optional("bypassingQueue", .bool)]),
            (.pause, "Pauses it", []),
            (.recheck, "Hashes what is there of it", []),
            (.reannounce, "Asks its trackers now", []),
            (
                .move, "Lets its content be in another folder",
                [.required("folder", .string), .optional("movingData", .bool)]
            ),
            (
                .queue, "Moves it in the queue",
                [.required("move", .word(QueueMove.allCases.map(\.rawValue)))]
            ),
        ]
        return singles.map { action, summary, members in
            Route(
                .post, "/api/v1/torrents/{id}/\(action.rawValue)", .control, summary,
                body: .object(members)
            ) { [self] call throws(HTTPFailure) in
                let row = try row(call)
                try await perform(action, on: [row.id], try input(call))
                return .empty
            }
        } + [changing, removing, renaming, peers, many]
    }

    /// What a body says; one that is empty says nothing.
    private func input(_ call: HTTPCall) throws(HTTPFailure) -> JSONInput {
        call.body.isEmpty ? try JSONInput(.object([])) : try JSONInput(call.json())
    }

    private var changing: Route {
        Route(
            .patch, "/api/v1/torrents/{id}", .control, "Changes what is wished of it",
            body: Self.changesSchema
        ) { [self] call throws(HTTPFailure) in
            let row = try row(call)
            let changes = try TorrentChanges(call.json(), of: row)
            try await telling { () async throws(SeedboxError) in
                try await seedbox.change([row.id], changes)
            }
            return .empty
        }
    }

    private var removing: Route {
        Route(
            .delete, "/api/v1/torrents/{id}", .control, "Removes it, with 'data' its content, too",
            query: [("data", .bool)]
        ) { [self] call throws(HTTPFailure) in
            let row = try row(call)
            let word = call.query("data") ?? "false"
            guard ["true", "false"].contains(word) else {
                throw JSONInput.bad("data", "write true or false")
            }
            try await telling { () async throws(SeedboxError) in
                try await seedbox.remove([row.id], deletingData: word == "true")
            }
            return .empty
        }
    }

    private var renaming: Route {
        Route(
            .post, "/api/v1/torrents/{id}/rename", .control, "Renames a file or folder of it",
            body: .object([.required("path", .string), .required("name", .string)])
        ) { [self] call throws(HTTPFailure) in
            let row = try row(call)
            var input = try input(call)
            guard let path = try input.string("path"), let name = try input.string("name") else {
                throw JSONInput.bad("the body", "write 'path' and 'name'")
            }
            try input.end()
            try await telling { () async throws(SeedboxError) in
                try await seedbox.rename(row.id, path: path, to: name)
            }
            return .empty
        }
    }

    private var peers: Route {
        Route(
            .post, "/api/v1/torrents/{id}/peers", .control, "Tells it of peers",
            body: .object([.required("peers", .array(.string))])
        ) { [self] call throws(HTTPFailure) in
            let row = try row(call)
            var input = try input(call)
            guard let peers = try input.endpoints("peers") else {
                throw JSONInput.bad("peers", "is missing")
            }
            try input.end()
            try await telling { () async throws(SeedboxError) in
                try await seedbox.addPeers(row.id, peers)
            }
            return .empty
        }
    }

    private var many: Route {
        Route(
            .post, "/api/v1/torrents/actions", .control,
            "Does the same to many: 'ids' is a list of numbers, or \"all\"",
            body: .object([
                .required("ids", .any),
                .required("action", .word(Action.allCases.map(\.rawValue))),
                .optional("bypassingQueue", .bool), .optional("deletingData", .bool),
                .optional("folder", .string), .optional("movingData", .bool),
                .optional("move", .word(QueueMove.allCases.map(\.rawValue))),
                .optional("changes", Self.changesSchema),
            ])
        ) { [self] call throws(HTTPFailure) in
            var input = try input(call)
            let action = try input.value("action", "what is to be done") {
                $0.string.flatMap(Action.init(rawValue:))
            }
            guard let action else { throw JSONInput.bad("action", "is missing") }
            let ids = try ids(input.take("ids"))
            try await perform(action, on: ids, input)
            return .empty
        }
    }

    private func ids(_ json: JSON?) throws(HTTPFailure) -> [TorrentID] {
        if json == "all" { return seedbox.catalogue.withRows { $0.map(\.id) } }
        guard let elements = json?.elements, elements.count <= Limits.idsMax else {
            throw JSONInput.bad("ids", "write at most \(Limits.idsMax) numbers, or \"all\"")
        }
        var ids: [TorrentID] = []
        for element in elements {
            guard let number = element.integer else {
                throw JSONInput.bad("ids", "write numbers, or \"all\"")
            }
            let id = TorrentID(number)
            guard seedbox.catalogue.row(id) != nil else {
                throw JSONInput.bad("ids", "\(number): no such torrent")
            }
            ids.append(id)
        }
        return ids
    }

    private func perform(
        _ action: Action, on ids: [TorrentID], _ given: JSONInput
    ) async throws(HTTPFailure) {
        var input = given
        switch action {
        case .start:
            let bypassing = try input.bool("bypassingQueue") ?? false
            try input.end()
            try await telling { () async throws(SeedboxError) in
                try await seedbox.start(ids, bypassingQueue: bypassing)
            }
        case .remove:
            let deleting = try input.bool("deletingData") ?? false
            try input.end()
            try await telling { () async throws(SeedboxError) in
                try await seedbox.remove(ids, deletingData: deleting)
            }
        case .move: try await move(ids, &input)
        case .queue:
            let to = try input.value("move", "top, up, down or bottom") {
                $0.string.flatMap(QueueMove.init(rawValue:))
            }
            guard let to else { throw JSONInput.bad("move", "is missing") }
            try input.end()
            try await telling { () async throws(SeedboxError) in
                try await seedbox.moveInQueue(ids, to)
            }
        case .change:
            guard let json = input.take("changes") else {
                throw JSONInput.bad("changes", "is missing")
            }
            try input.end()
            let row = ids.count == 1 ? ids.first.flatMap(seedbox.catalogue.row) : nil
            let changes = try TorrentChanges(json, of: row)
            try await telling { () async throws(SeedboxError) in
                try await seedbox.change(ids, changes)
            }
        case .pause, .recheck, .reannounce:
            try input.end()
            try await telling { () async throws(SeedboxError) in
                switch action {
                case .pause: try await seedbox.pause(ids)
                case .recheck: try await seedbox.recheck(ids)
                default: try await seedbox.reannounce(ids)
                }
            }
        }
    }

    private func move(_ ids: [TorrentID], _ input: inout JSONInput) async throws(HTTPFailure) {
        guard let folder = try input.string("folder") else {
            throw JSONInput.bad("folder", "is missing")
        }
        let moving = try input.bool("movingData") ?? true
        try input.end()
        try await telling { () async throws(SeedboxError) in
            try await seedbox.move(ids, to: folder, movingData: moving)
        }
    }

    private static let changesSchema = Schema.named(
        "Changes",
        .object([
            .optional("labels", .array(.string)), .optional("category", .nullable(.string)),
            .optional("group", .nullable(.string)),
            .optional("priority", .word(FilePriority.words)), .optional("isSequential", .bool),
            .optional("honoursSessionLimits", .bool),
            .optional("downloadLimit", .nullable(.integer)),
            .optional("uploadLimit", .nullable(.integer)),
            .optional("peersMax", .nullable(.integer)),
            .optional("seedingLimits", RowField.seedingLimitsSchema),
            .optional("queuePosition", .integer), .optional("wanted", .dictionary(.bool)),
            .optional("filePriorities", .dictionary(.word(FilePriority.words))),
            .optional("trackers", .array(.array(.string))),
        ]))
}
