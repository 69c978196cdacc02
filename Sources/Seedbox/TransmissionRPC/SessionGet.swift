import JSONText

extension TransmissionRPC {
    func sessionGet(
        _ arguments: RPCArguments, _ spelling: Spelling
    ) async throws(RPCFailure) -> JSON {
        let asked = try arguments.texts("fields", countMax: Limits.rpcFieldsMax)
        let wanted = asked.map { Set($0.map(Spelling.plain)) }
        var members: [JSON.Member] = []
        for (name, value) in keys(settingsInForce, spelling).all {
            guard wanted?.contains(Spelling.plain(name)) ?? true else { continue }
            members.append((spelling.name(name), value))
        }
        // Costs a question to the file system, which may not answer.
        let free = "download-dir-free-space"
        if wanted?.contains(Spelling.plain(free)) ?? true {
            let folder = seedbox.settings.storage.downloadFolder
            let known = await seedbox.space.soon([folder]).first
            members.append((spelling.name(free), .integer(known?.free ?? -1)))
        }
        return .object(members)
    }

    /// There, the alternative limits are on while the schedule has them on.
    private var settingsInForce: Settings {
        var settings = seedbox.settings
        settings.limits.alternativeIsOn = seedbox.statistics.usesAlternativeLimits
        return settings
    }

    private func keys(_ settings: Settings, _ spelling: Spelling) -> SessionKeys {
        SessionKeys(settings, spelling, sessionID, port: seedbox.port)
    }

    /// A value that is as it was is never refused: programs send back all that they were told.
    func sessionSet(_ arguments: RPCArguments) async throws(RPCFailure) {
        let old = settingsInForce
        let new = try keys(old, .old).settings(after: arguments, from: old)
        let changes = SettingsChanges(from: old, to: new)
        guard !changes.isEmpty else { return }
        try await command { seedbox throws(SeedboxError) in
            try await seedbox.changeSettings(changes)
        }
    }

    // MARK: Space

    func freeSpace(
        _ arguments: RPCArguments, _ spelling: Spelling
    ) async throws(RPCFailure) -> JSON {
        guard let path = try arguments.path("path") else { throw .bad("path", "no path") }
        let folder = try await command { seedbox throws(SeedboxError) in
            try await seedbox.space.soon(path)
        }
        return [
            "path": .string(path), spelling.name("size-bytes"): .integer(folder.free),
            "total_size": .integer(folder.total),
        ]
    }

    // MARK: Groups

    func groupGet(_ arguments: RPCArguments, _ spelling: Spelling) throws(RPCFailure) -> JSON {
        // transmission-rpc says `group` where the specification says `name`.
        let given = arguments["name"] ?? arguments["group"]
        let names = given.map { given in
            Set(given.elements?.compactMap(\.string) ?? given.string.map { [$0] } ?? [])
        }
        let groups = seedbox.settings.limits.groups.filter { names?.contains($0.name) ?? true }
        return [
            "group": .array(
                groups.map { group in
                    [
                        "name": .string(group.name),
                        spelling.name("honorsSessionLimits"): true,
                        spelling.name("speed-limit-down"): kilobytes(group.downloadLimit),
                        spelling.name("speed-limit-down-enabled"):
                            .bool(group.downloadLimit != nil),
                        spelling.name("speed-limit-up"): kilobytes(group.uploadLimit),
                        spelling.name("speed-limit-up-enabled"): .bool(group.uploadLimit != nil),
                    ]
                })
        ]
    }

    func groupSet(_ arguments: RPCArguments) async throws(RPCFailure) {
        guard let name = try arguments.text("name"), !name.isEmpty else {
            throw .bad("name", "no group name")
        }
        guard try arguments.flag("honors_session_limits") ?? true else {
            throw .bad("honorsSessionLimits", "every group keeps to the session's limits")
        }
        let old = seedbox.settings
        var new = old
        let index = new.limits.groups.firstIndex { $0.name == name }
        var group = index.map { new.limits.groups[$0] } ?? LimitGroup(name: name)
        group.downloadLimit = try arguments.rateLimit(
            "speed_limit_down", now: group.downloadLimit)
        group.uploadLimit = try arguments.rateLimit("speed_limit_up", now: group.uploadLimit)
        if let index { new.limits.groups[index] = group } else { new.limits.groups.append(group) }
        let changes = SettingsChanges(from: old, to: new)
        guard !changes.isEmpty else { return }
        try await command { seedbox throws(SeedboxError) in
            try await seedbox.changeSettings(changes)
        }
    }
}
