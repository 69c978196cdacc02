public import Units

extension Settings {
    /// What does not go together, each value being good by itself.
    ///
    /// - Parameter isWhole: Whether a daemon is to start with them, so that nothing may be missing.
    func fault(isWhole: Bool) -> SeedboxError? {
        let repeats =
            repeated(categories.map(\.name), in: "categories")
            ?? repeated(limits.groups.map(\.name), in: "groups")
            ?? repeated(api.tokens.map(\.name), in: "api.tokens")
        if let repeats { return repeats }
        for (index, token) in api.tokens.enumerated()
        where (token.token == nil) == (token.tokenFile == nil) {
            return .badValue(
                field: "api.tokens[\(index)]", reason: "write either 'token' or 'token-file'")
        }
        if let socket = api.socket, socket.utf8.count > Limits.socketPathBytesMax {
            return .badValue(
                field: "api.socket", reason: "longer than \(Limits.socketPathBytesMax) bytes")
        }
        guard isWhole else { return nil }
        if storage.downloadFolder.isEmpty {
            return .badValue(field: "storage.download-folder", reason: "is missing")
        }
        if storage.stateFolder.isEmpty {
            return .badValue(field: "storage.state-folder", reason: "is missing")
        }
        return openDoor
    }

    /// Whoever can reach the daemon can write files: so only this machine may without a secret.
    private var openDoor: SeedboxError? {
        guard let listen = api.listen, !listen.isLoopback, !api.hasSecret else { return nil }
        return .badValue(
            field: "api.listen",
            reason: "\(listen) can be reached by others: set api.password-file or a token first, "
                + "or listen at 127.0.0.1")
    }

    private func repeated(_ names: [String], in field: String) -> SeedboxError? {
        var seen: Set<String> = []
        guard let name = names.first(where: { !seen.insert($0).inserted }) else { return nil }
        return .badValue(field: field, reason: "'\(name)' stands there twice")
    }
}

extension Settings.API {
    /// Whether those who speak to the daemon have to know something.
    public var hasSecret: Bool { password != nil || passwordFile != nil || !tokens.isEmpty }
}

extension HostPort {
    /// Whether only this machine can reach it.
    public var isLoopback: Bool {
        if host.lowercased() == "localhost" { return true }
        return Endpoint(addressText: host, port: port)?.isLoopback == true
    }
}
