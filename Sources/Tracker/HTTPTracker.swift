import Bencode
public import Hashing
import Units

/// The HTTP form of a tracker's protocol: URLs out, bencoded replies in (BEP 3, 7, 23, 24, 31,
/// 48). Who carries them is not known here.
public enum HTTPTracker {
    /// The most bytes of a reply, inflated, that are worth reading.
    public static let replyByteCountMax = Limits.replyByteCountMax

    // MARK: Requests

    /// The URL that announces `request` to the tracker at `url`, after its own parameters.
    public static func announceURL(_ url: TrackerURL, _ request: AnnounceRequest) -> TrackerURL {
        var query = "info_hash=\(PercentCoding.encoded(request.infoHash.bytes))"
        query += "&peer_id=\(PercentCoding.encoded(request.peerID))"
        query += "&port=\(request.port)"
        query += "&uploaded=\(max(0, request.uploaded))"
        query += "&downloaded=\(max(0, request.downloaded))"
        query += "&left=\(max(0, request.left))"
        query += "&key=\(eightDigits(request.key))"
        if let event = text(of: request.event) { query += "&event=\(event)" }
        query += "&numwant=\(max(0, request.numWant))"
        query += "&compact=1&no_peer_id=1"
        if request.supportsEncryption { query += "&supportcrypto=1" }
        if let trackerID = request.trackerID {
            query += "&trackerid=\(PercentCoding.encoded(trackerID))"
        }
        if let address = request.address {
            query += "&ip=\(PercentCoding.encoded(address.addressText.utf8))"
        }
        return url.appending(query: query)
    }

    /// The URL that scrapes the counts of `infoHashes`; `nil` if the tracker cannot be scraped.
    public static func scrapeURL(_ url: TrackerURL, _ infoHashes: [SHA1Digest]) -> TrackerURL? {
        let asked = infoHashes.prefix(Limits.scrapeHashesMax)
        guard !asked.isEmpty, let scrape = url.scrapeURL else { return nil }
        let query = asked.map { "info_hash=\(PercentCoding.encoded($0.bytes))" }
        return scrape.appending(query: query.joined(separator: "&"))
    }

    private static func eightDigits(_ key: UInt32) -> String {
        let digits = String(key, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private static func text(of event: AnnounceEvent) -> String? {
        switch event {
        case .none: nil
        case .started: "started"
        case .completed: "completed"
        case .stopped: "stopped"
        }
    }

    // MARK: Replies

    /// The answer to an announce.
    ///
    /// - Parameter body: the reply, inflated, of HTTP status 200.
    public static func announceResponse(
        _ body: [UInt8]
    ) throws(TrackerError) -> AnnounceResponse {
        let reply = try dictionary(body)
        let isPeerList = reply["peers"] != nil || reply["peers6"] != nil
        guard isPeerList || reply["interval"] != nil || reply["complete"] != nil else {
            throw .malformedReply(key: "peers")
        }
        var response = AnnounceResponse(
            interval: reply["interval"].flatMap(interval) ?? Limits.intervalDefault)
        response.minInterval = reply["min interval"].flatMap(interval)
        response.counts = SwarmCounts(
            seeders: count(reply["complete"]), leechers: count(reply["incomplete"]),
            downloads: count(reply["downloaded"]))
        response.warning = reply["warning message"]?.bytes.map { TrackerText.clean($0) }
        if let id = reply["tracker id"]?.bytes,
            (1...Limits.trackerIDByteCountMax).contains(id.count)
        {
            response.trackerID = Array(id)
        }
        response.externalAddress = reply["external ip"]?.bytes.flatMap(externalAddress)
        var peers = PeerCollector()
        if let peersValue = reply["peers"] { try peers.take(peersValue) }
        if let compact = reply["peers6"]?.bytes { peers.take(compact, stride: 18) }
        response.peers = peers.endpoints
        response.namedPeers = peers.named
        return response
    }

    /// The answer to a scrape for `infoHashes`; what else the tracker tells is ignored.
    public static func scrapeResponse(
        _ body: [UInt8], for infoHashes: [SHA1Digest]
    ) throws(TrackerError) -> ScrapeResponse {
        let reply = try dictionary(body)
        guard let files = reply["files"], files.isDictionary else {
            throw .malformedReply(key: "files")
        }
        let asked = Set(infoHashes)
        var response = ScrapeResponse(counts: [:])
        for (key, value) in files.entries {
            guard let infoHash = SHA1Digest(bytes: key), asked.contains(infoHash) else { continue }
            response.counts[infoHash] = SwarmCounts(
                seeders: count(value["complete"]), leechers: count(value["incomplete"]),
                downloads: count(value["downloaded"]))
        }
        response.minInterval = reply["flags"]?["min_request_interval"].flatMap(interval)
        return response
    }

    /// What the body of an answer with an HTTP status other than 200 says: some trackers refuse
    /// with status 400 or 403 and give the reason in the usual form.
    public static func refusal(
        status: Int, retryAfter: String?, body: [UInt8]
    ) -> TrackerError {
        let wait = retryAfter.flatMap { Int64($0) }.map { clampedRetry(.seconds(max(0, $0))) }
        do {
            _ = try dictionary(body)
        } catch .refused(let reason, let retry) {
            let advice = status == 410 ? .never : retry ?? wait.map { .after($0) }
            return .refused(reason: reason, retry: advice)
        } catch {}
        return .httpStatus(status, retryAfter: wait)
    }

    /// The reply's dictionary, if it is no refusal.
    private static func dictionary(_ body: [UInt8]) throws(TrackerError) -> BencodeValue {
        guard body.count <= Limits.replyByteCountMax else {
            throw .replyTooLarge(limit: Limits.replyByteCountMax)
        }
        let reply: BencodeValue
        do {
            // Some trackers send a line end after the dictionary.
            reply = try BencodeDocument(prefixOf: body, limits: limits, .lenient).root
        } catch {
            throw .notBencoded(error)
        }
        guard reply.isDictionary else { throw .malformedReply(key: "") }
        if let reason = reply["failure reason"] {
            let text = TrackerText.clean(reason.bytes ?? [])
            throw .refused(reason: text, retry: reply["retry in"].flatMap(retryAdvice))
        }
        return reply
    }

    private static let limits = BencodeLimits(
        byteCountMax: Limits.replyByteCountMax, depthMax: Limits.replyDepthMax,
        tokenCountMax: Limits.replyTokenCountMax)

    /// `retry in`: minutes, as a number or, in the BEP's example, as text; or `never` (BEP 31).
    private static func retryAdvice(_ value: BencodeValue) -> RetryAdvice? {
        if value.string == "never" { return .never }
        guard let minutes = value.integer ?? value.string.flatMap({ Int64($0) }), minutes > 0
        else { return nil }
        return .after(clampedRetry(.minutes(minutes)))
    }

    private static func clampedRetry(_ wait: Interval) -> Interval {
        min(wait, Limits.retryAfterMax)
    }

    private static func interval(_ value: BencodeValue) -> Interval? {
        value.integer.map { max(Limits.intervalMin, min(.seconds($0), Limits.intervalMax)) }
    }

    private static func count(_ value: BencodeValue?) -> Int? {
        value?.integer.map { Int(clamping: max(0, $0)) }
    }

    private static func externalAddress(_ bytes: ArraySlice<UInt8>) -> Endpoint? {
        let withPort = Array(bytes) + [0, 0]
        guard let address = Endpoint(compactIPv4: withPort) ?? Endpoint(compactIPv6: withPort),
            !address.isNear, !address.isMulticast
        else { return nil }
        return address
    }
}

/// Gathers a reply's peers: each once, only such as can be dialled, and no more than we take.
struct PeerCollector {
    private(set) var endpoints: [Endpoint] = []
    private(set) var named: [NamedPeer] = []
    private var seen: Set<Endpoint> = []

    /// Peers in compact form; a last one that is cut short is left out.
    mutating func take(_ compact: some RandomAccessCollection<UInt8>, stride: Int) {
        var rest = compact[...]
        while rest.count >= stride, endpoints.count < Limits.peersMax {
            let bytes = rest.prefix(stride)
            rest = rest.dropFirst(stride)
            let endpoint =
                stride == 6 ? Endpoint(compactIPv4: bytes) : Endpoint(compactIPv6: bytes)
            if let endpoint { take(endpoint) }
        }
    }

    /// The `peers` of an HTTP reply: compact (BEP 23) or a list of dictionaries (BEP 3).
    mutating func take(_ value: BencodeValue) throws(TrackerError) {
        if let compact = value.bytes {
            take(compact, stride: 6)
            return
        }
        guard value.isList else { throw .malformedReply(key: "peers") }
        for peer in value.elements {
            guard endpoints.count < Limits.peersMax else { return }
            guard let host = peer["ip"]?.string, let number = peer["port"]?.integer,
                let port = UInt16(exactly: number), port != 0
            else { continue }
            if let endpoint = Endpoint(addressText: host, port: port) {
                take(endpoint)
            } else if named.count < Limits.namedPeersMax,
                let name = try? URLParts.checkedHost(host[...], allowsInternationalNames: false)
            {
                named.append(NamedPeer(host: name, port: port))
            }
        }
    }

    private mutating func take(_ endpoint: Endpoint) {
        guard endpoint.isDialable, seen.insert(endpoint).inserted else { return }
        endpoints.append(endpoint)
    }
}
