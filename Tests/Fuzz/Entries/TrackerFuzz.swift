import Hashing
import Tracker
import Units

/// The body of a tracker's reply, read as an announce's, as a scrape's and as a refusal's.
enum HTTPTrackerFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        if let response = try? HTTPTracker.announceResponse(bytes) {
            try require(response.interval > .zero, "an interval of \(response.interval)")
            try require(
                !response.peers.contains { $0.port == 0 }, "a peer without a port")
        }
        let asked = [SHA1Digest.hash([1]), SHA1Digest.hash([2])]
        if let response = try? HTTPTracker.scrapeResponse(bytes, for: asked) {
            try require(response.counts.count <= asked.count, "more torrents than were asked for")
        }
        _ = HTTPTracker.refusal(status: 403, retryAfter: nil, body: bytes).description
    }
}

/// A UDP tracker that answers as the script says. It knows the transaction of what was last sent
/// when the script wants it to, or nothing would be reached by chance.
enum UDPTrackerFuzz {
    private static let tracker = Endpoint("192.0.2.1:6969")

    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        guard let tracker else { return }
        var script = Script(bytes)
        var generator = SeededGenerator(seed: UInt64(script.byte()))
        var machine = UDPTrackerMachine()
        var actions = ActionBuffer<UDPTrackerMachine.Action>()
        var now = Instant.zero
        var lastSent: [UInt8] = []
        var ended: Set<UDPTrackerMachine.RequestID> = []
        for (number, query) in queries.enumerated() {
            machine.request(
                .init(UInt64(number)), query, to: tracker, giveUpAt: .zero + .minutes(5),
                now: now, using: &generator, into: &actions)
        }
        while !script.isEmpty {
            let step = script.byte()
            if step >= 0xF0 {
                now = now + .seconds(Int64(step & 15) * 10)
                machine.tick(now: now, using: &generator, into: &actions)
            } else {
                var packet = Array(script.bytes(Int(step)))
                if packet.count >= 8, lastSent.count >= 16 {
                    packet.replaceSubrange(4..<8, with: lastSent[12..<16])
                }
                _ = machine.receive(
                    packet[...], from: tracker, now: now, using: &generator, into: &actions)
            }
            for action in actions.take() {
                switch action {
                case .send(let bytes, _): lastSent = bytes
                case .announced(let id, _), .scraped(let id, _), .failed(let id, _):
                    try require(ended.insert(id).inserted, "request \(id) ended twice")
                }
            }
        }
        machine.tick(now: now + .minutes(6), using: &generator, into: &actions)
        try require(machine.requestCount == 0, "a request outlives its time")
        try require(machine.nextDeadline() == nil, "a deadline for nothing")
    }

    private static let queries: [UDPTrackerMachine.Query] = [
        .announce(
            AnnounceRequest(
                infoHash: .hash([1]), peerID: [UInt8](repeating: 1, count: 20), port: 6881,
                uploaded: 1, downloaded: 2, left: 3, event: .started, key: 4),
            urlData: "/announce?x=y"),
        .scrape([.hash([1]), .hash([2])]),
    ]
}
