import NIOCore
import PeerWire
import Units

/// Gives the info dictionary to peers that ask for it (BEP 9): each at a rate, what comes faster
/// waits, and what is too much is rejected.
struct MetadataServer: Sendable {
    private struct Client: Sendable {
        let key: PeerKey
        var allowance = RateLimiter(
            rate: Limits.metadataServeRate, burst: Limits.metadataServeBurst)
        var waiting: [Int] = []
        var rejectCount = 0
    }

    /// By the slot of their key; only peers that have asked.
    private var clients: [Client?] = []

    /// Answers a request. False if the peer asks like no honest client.
    mutating func receive(
        _ piece: Int, from key: PeerKey, of bytes: [UInt8]?, limiter: inout RateLimiter,
        now: Instant, into actions: inout ActionBuffer<TorrentAction>
    ) -> Bool {
        let slot = place(of: key)
        guard let bytes, MetadataMessage.length(of: piece, ofByteCount: bytes.count) > 0,
            (clients[slot]?.waiting.count ?? 0) < Limits.metadataQueueMax
        else {
            clients[slot]?.rejectCount += 1
            actions.append(
                .send(key, .extended(.metadata, MetadataMessage.reject(piece: piece).encoded())))
            return (clients[slot]?.rejectCount ?? 0) <= Limits.metadataRejectsMax
        }
        clients[slot]?.waiting.append(piece)
        serve(slot, of: bytes, limiter: &limiter, now: now, into: &actions)
        return true
    }

    /// Gives what waits, as far as it may.
    mutating func serve(
        of bytes: [UInt8], limiter: inout RateLimiter, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        for slot in clients.indices {
            serve(slot, of: bytes, limiter: &limiter, now: now, into: &actions)
        }
    }

    mutating func left(_ key: PeerKey) {
        let slot = Int(key.slot)
        guard slot < clients.count, clients[slot]?.key == key else { return }
        clients[slot] = nil
    }

    /// Whether somebody waits for a piece.
    var isOwing: Bool { clients.contains { $0?.waiting.isEmpty == false } }

    private mutating func place(of key: PeerKey) -> Int {
        let slot = Int(key.slot)
        while clients.count <= slot { clients.append(nil) }
        if clients[slot]?.key != key { clients[slot] = Client(key: key) }
        return slot
    }

    private mutating func serve(
        _ slot: Int, of bytes: [UInt8], limiter: inout RateLimiter, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        while let key = clients[slot]?.key, let piece = clients[slot]?.waiting.first {
            let length = MetadataMessage.length(of: piece, ofByteCount: bytes.count)
            guard limiter.canTakeWhole(length, now: now),
                clients[slot]?.allowance.takeWhole(length, now: now) == true
            else { return }
            limiter.charge(length, now: now)
            clients[slot]?.waiting.removeFirst()
            let begin = piece * MetadataMessage.pieceByteCount
            let message = MetadataMessage.data(
                piece: piece, totalSize: bytes.count,
                ByteBuffer(bytes: bytes[begin..<begin + length]))
            actions.append(.send(key, .extended(.metadata, message.encoded())))
        }
    }
}
