import Hashing
import Tracker
import Units

/// One way to a tracker: its addresses of one family.
private struct Path: Sendable {
    let host: String
    let isIPv4: Bool
    let addresses: [Endpoint]
    /// Whether the tracker's addresses, of both families, are near to us.
    let isTrackerNear: Bool

    var key: TrackerClient.FamilyKey { TrackerClient.FamilyKey(host: host, isIPv4: isIPv4) }
}

private typealias Outcome = Result<AnnounceResponse, TrackerError>

// MARK: - Announces

extension TrackerClient {
    /// Announces over each address family by which the tracker can be reached (BEP 7). One that
    /// answers is enough; the other is then waited for only a little.
    func announceNow(
        _ request: AnnounceRequest, to url: TrackerURL,
        found: @escaping @Sendable ([Endpoint]) async -> Void
    ) async -> Result<AnnounceResponse, TrackerError> {
        let paths: [Path]
        do {
            paths = try await self.paths(to: url)
        } catch {
            return .failure(error)
        }
        var outcomes: [Bool: Outcome] = [:]
        await withTaskGroup(of: (isIPv4: Bool, outcome: Outcome)?.self) { group in
            for path in paths {
                group.addTask { (path.isIPv4, await self.announce(request, to: url, over: path)) }
            }
            while outcomes.count < paths.count, let next = await group.next() {
                guard let next else { break }
                outcomes[next.isIPv4] = next.outcome
                guard case .success(let response) = next.outcome else { continue }
                if !response.peers.isEmpty { await found(response.peers) }
                group.addTask {
                    let wait = Limits.otherFamilyTimeMax.nanoseconds
                    try? await Task.sleep(for: .nanoseconds(wait))
                    return nil
                }
            }
            group.cancelAll()
        }
        return settle(paths, outcomes)
    }

    /// The answer that the outcomes come to, IPv4's first.
    private func settle(
        _ paths: [Path], _ outcomes: [Bool: Outcome]
    ) -> Result<AnnounceResponse, TrackerError> {
        let answers = [true, false].compactMap { try? outcomes[$0]?.get() }
        guard let first = answers.first else {
            return outcomes[true] ?? outcomes[false] ?? .failure(.timedOut)
        }
        for path in paths {
            switch outcomes[path.isIPv4] {
            case nil, .failure(.timedOut), .failure(.unreachable): rememberSilent(path.key)
            default: break
            }
        }
        return .success(answers.dropFirst().reduce(first) { $0.merged(with: $1) })
    }

    private func announce(
        _ request: AnnounceRequest, to url: TrackerURL, over path: Path
    ) async -> Outcome {
        do {
            var response =
                url.scheme == .udp
                ? try await announceByUDP(request, to: url, over: path)
                : try HTTPTracker.announceResponse(
                    try await http.get(HTTPTracker.announceURL(url, request), path.route(to: url)))
            await addNamedPeers(to: &response)
            response.removePeersNear(unless: path.isTrackerNear)
            return .success(response)
        } catch let error as TrackerError {
            return .failure(error)
        } catch {
            return .failure(.cancelled)
        }
    }

    private func announceByUDP(
        _ request: AnnounceRequest, to url: TrackerURL, over path: Path
    ) async throws -> AnnounceResponse {
        try await overUDP(path) { (client, tracker, timeMax) throws(TrackerError) in
            try await client.announce(
                request, urlData: url.path + (url.query.map { "?\($0)" } ?? ""), to: tracker,
                timeMax: timeMax)
        }
    }

    /// Finds the addresses of peers that came by name. They count as any other, so near ones are
    /// left out by the same rule.
    private func addNamedPeers(to response: inout AnnounceResponse) async {
        let named = response.namedPeers
        response.namedPeers = []
        guard !named.isEmpty else { return }
        let resolver = resolver
        let addresses = await withTaskGroup(of: [Endpoint].self) { group in
            for peer in named {
                group.addTask {
                    let addresses = await withTimeMax(Limits.namedPeersTimeMax) {
                        await Result { () async throws(TrackerError) in
                            try await resolver.addresses(of: peer.host)
                        }
                    }
                    return ((try? addresses.get()) ?? []).map { $0.with(port: peer.port) }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        response.add(addresses)
    }
}

// MARK: - Scrapes

extension TrackerClient {
    /// Scrapes over one address family: both would tell the same.
    func scrapeNow(
        _ infoHashes: [SHA1Digest], at url: TrackerURL
    ) async -> Result<ScrapeResponse, TrackerError> {
        do {
            guard url.scrapeURL != nil else { return .failure(.scrapeNotSupported) }
            var failure = TrackerError.timedOut
            for path in try await paths(to: url) {
                do {
                    return .success(try await scrape(infoHashes, at: url, over: path))
                } catch let error as TrackerError {
                    failure = error
                }
            }
            return .failure(failure)
        } catch let error as TrackerError {
            return .failure(error)
        } catch {
            return .failure(.cancelled)
        }
    }

    private func scrape(
        _ infoHashes: [SHA1Digest], at url: TrackerURL, over path: Path
    ) async throws -> ScrapeResponse {
        if url.scheme == .udp {
            return try await overUDP(path) { (client, tracker, timeMax) throws(TrackerError) in
                try await client.scrape(infoHashes, of: tracker, timeMax: timeMax)
            }
        }
        guard let scrapeURL = HTTPTracker.scrapeURL(url, infoHashes) else {
            throw TrackerError.scrapeNotSupported
        }
        let body = try await http.get(scrapeURL, path.route(to: url))
        return try HTTPTracker.scrapeResponse(body, for: infoHashes)
    }
}

// MARK: - Ways to a tracker

extension TrackerClient {
    /// The ways to the tracker at `url`: one for each family that it has addresses of, where it
    /// may be asked, and that we have.
    private func paths(to url: TrackerURL) async throws(TrackerError) -> [Path] {
        let all = try await resolver.addresses(of: url.host).map { $0.with(port: url.port) }
        let allowed = all.filter { url.mayConnect(to: $0) }
        guard let first = all.first else { throw .nameNotFound(url.host) }
        guard !allowed.isEmpty else { throw .forbiddenAddress(first) }
        let paths = [true, false].compactMap { isIPv4 -> Path? in
            let addresses = allowed.filter { $0.isIPv4 == isIPv4 }
            guard !addresses.isEmpty, canAsk(url, overIPv4: isIPv4) else { return nil }
            return Path(
                host: url.host, isIPv4: isIPv4, addresses: addresses,
                isTrackerNear: allowed.allSatisfy(\.isNear))
        }
        guard !paths.isEmpty else {
            throw .unreachable("no socket of the tracker's address family")
        }
        let speaking = paths.filter { !isSilent($0.key) }
        return speaking.isEmpty ? paths : speaking
    }

    private func canAsk(_ url: TrackerURL, overIPv4 isIPv4: Bool) -> Bool {
        if url.scheme == .udp { return udp.contains { $0.socket.isIPv4 == isIPv4 } }
        return (isIPv4 ? configuration.sourceIPv4 : configuration.sourceIPv6) != nil
    }

    /// Asks the addresses one after the other until one answers; a refusal is an answer.
    private func overUDP<Value: Sendable>(
        _ path: Path,
        _ ask: (UDPTrackerClient, Endpoint, Interval) async throws(TrackerError) -> Value
    ) async throws(TrackerError) -> Value {
        for address in path.addresses.prefix(Limits.udpAddressesMax) {
            do {
                return try await overUDP(address, ask)
            } catch .timedOut {
                continue
            }
        }
        throw .timedOut
    }

    /// Asks again where the client has moved to another socket meanwhile.
    private func overUDP<Value: Sendable>(
        _ address: Endpoint,
        _ ask: (UDPTrackerClient, Endpoint, Interval) async throws(TrackerError) -> Value
    ) async throws(TrackerError) -> Value {
        while true {
            guard let client = udp.first(where: { $0.socket.isIPv4 == address.isIPv4 }) else {
                throw .unreachable("no socket of the tracker's address family")
            }
            do {
                return try await ask(client, address, Limits.udpAnswerTimeMax)
            } catch .cancelled where !Task.isCancelled && !udp.contains(where: { $0 === client }) {
                continue
            }
        }
    }
}

extension Path {
    func route(to url: TrackerURL) -> HTTPTrackerClient.Route {
        HTTPTrackerClient.Route(
            family: isIPv4 ? .ipv4 : .ipv6, mayBeNear: url.hasAnnouncePath,
            isTrackerNear: isTrackerNear)
    }
}

extension UDPSocket {
    fileprivate nonisolated var isIPv4: Bool { localEndpoint.isIPv4 }
}

extension Result where Failure == TrackerError {
    init(catching body: () async throws(TrackerError) -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
