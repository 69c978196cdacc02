import JSONText

extension TransmissionRPC {
    /// What is done to torrents without more words.
    func act(_ method: RPCMethod, _ arguments: RPCArguments) async throws(RPCFailure) {
        let ids = ids(of: try arguments.torrents())
        guard !ids.isEmpty else { return }
        try await command { seedbox throws(SeedboxError) in
            switch method {
            case .torrentStart: try await seedbox.start(ids, bypassingQueue: false)
            case .torrentStartNow: try await seedbox.start(ids, bypassingQueue: true)
            case .torrentStop: try await seedbox.pause(ids)
            case .torrentVerify: try await seedbox.recheck(ids)
            case .torrentReannounce: try await seedbox.reannounce(ids)
            case .queueMoveTop: try await seedbox.moveInQueue(ids, .top)
            case .queueMoveUp: try await seedbox.moveInQueue(ids, .up)
            case .queueMoveDown: try await seedbox.moveInQueue(ids, .down)
            case .queueMoveBottom: try await seedbox.moveInQueue(ids, .bottom)
            default: return
            }
        }
    }

    func command<Result: Sendable>(
        _ body: (Seedbox) async throws(SeedboxError) -> Result
    ) async throws(RPCFailure) -> Result {
        do throws(SeedboxError) {
            return try await body(seedbox)
        } catch {
            throw RPCFailure(error)
        }
    }

    /// A list of no torrents removes none: only who leaves `ids` out means all of them.
    func torrentRemove(_ arguments: RPCArguments) async throws(RPCFailure) {
        let ids = ids(of: try arguments.torrents(emptyIsAll: false))
        let deletesData = try arguments.flag("delete_local_data") ?? false
        guard !ids.isEmpty else { return }
        try await command { seedbox throws(SeedboxError) in
            try await seedbox.remove(ids, deletingData: deletesData)
        }
    }

    func torrentSetLocation(_ arguments: RPCArguments) async throws(RPCFailure) {
        guard let folder = try arguments.path("location") else {
            throw .bad("location", "no location")
        }
        let ids = ids(of: try arguments.torrents(emptyIsAll: false))
        let movesData = try arguments.flag("move") ?? false
        guard !ids.isEmpty else { return }
        try await command { seedbox throws(SeedboxError) in
            try await seedbox.move(ids, to: folder, movingData: movesData)
        }
    }

    func torrentRenamePath(_ arguments: RPCArguments) async throws(RPCFailure) -> JSON {
        let ids = ids(of: try arguments.torrents(emptyIsAll: false))
        guard let id = ids.first, ids.count == 1 else { throw .bad("ids", "name one torrent") }
        guard let path = try arguments.text("path"), let name = try arguments.text("name") else {
            throw .bad("path", "give a path and a name")
        }
        try await command { seedbox throws(SeedboxError) in
            try await seedbox.rename(id, path: path, to: name)
        }
        return ["path": .string(path), "name": .string(name), "id": .integer(id.rawValue)]
    }

    /// What is not done here, and who does it instead.
    func refusal(of method: RPCMethod) -> RPCFailure {
        switch method {
        case .portTest:
            RPCFailure(
                .systemError,
                "no service on the internet is asked; 'swarm doctor' tells whether the port is open"
            )
        case .blocklistUpdate:
            RPCFailure(.systemError, "there are no blocklists")
        default:
            RPCFailure(
                .systemError, "the service ends when its supervisor ends it: systemctl stop swarm")
        }
    }
}
