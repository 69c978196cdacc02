import SwarmScheduler
import Units

/// One peer's uplink, its choker and those that want to be sent to; in steps of a second.
struct UplinkSimulation {
    struct Downloader {
        var candidate: ChokeCandidate
        /// What it can take, bytes a second.
        var capacity: Int64
        var received: Int64 = 0
        var meter = RateMeter()
    }

    var choker: Choker
    var peers: [Downloader] = []
    var generator: SeededGenerator
    let uplink: Int64
    let knownLimit: ByteRate?
    private(set) var now = Instant.zero + .seconds(1_000)
    private(set) var sent: Int64 = 0
    private(set) var changeCount = 0
    private var changes = ActionBuffer<ChokeChange>()

    init(slots: Choker.Slots, uplink: Int64, limitIsKnown: Bool = false, seed: UInt64 = 1) {
        self.choker = Choker(slots: slots)
        self.uplink = uplink
        self.knownLimit = limitIsKnown ? ByteRate(bytesPerSecond: uplink) : nil
        self.generator = SeededGenerator(seed: seed)
    }

    mutating func join(_ number: UInt32, capacity: Int64, generation: UInt32 = 0) {
        var candidate = ChokeCandidate(
            key: PeerKey(slot: number, generation: generation), connectedAt: now)
        candidate.isInterested = true
        choker.becameInterested(candidate, now: now, into: &changes)
        peers.append(Downloader(candidate: candidate, capacity: capacity))
        carryOut()
    }

    mutating func leave(_ number: UInt32) {
        for peer in peers where peer.candidate.key.slot == number {
            choker.remove(peer.candidate.key)
        }
        peers.removeAll { $0.candidate.key.slot == number }
    }

    mutating func setInterested(_ isInterested: Bool, _ number: UInt32) {
        for index in peers.indices where peers[index].candidate.key.slot == number {
            peers[index].candidate.isInterested = isInterested
            guard isInterested else { continue }
            choker.becameInterested(peers[index].candidate, now: now, into: &changes)
        }
        carryOut()
    }

    mutating func run(seconds: Int, role: Choker.Role = .seeding) {
        for _ in 0..<seconds {
            if now >= choker.nextDeadline() {
                for index in peers.indices {
                    peers[index].candidate.uploadRate = peers[index].meter.rate(
                        now: now, over: RateMeter.windowMax)
                }
                choker.rechoke(
                    peers.map(\.candidate), role: role, uploadLimit: knownLimit, now: now,
                    using: &generator, into: &changes)
                carryOut()
            }
            send()
            now = now + .seconds(1)
        }
    }

    func received(_ number: UInt32) -> Int64 {
        peers.filter { $0.candidate.key.slot == number }.reduce(0) { $0 + $1.received }
    }

    var unchokedCount: Int { peers.count { !$0.candidate.isChoked } }

    private mutating func send() {
        let open = peers.indices.filter {
            !peers[$0].candidate.isChoked && peers[$0].candidate.isInterested
        }
        let shares = ByteRate(bytesPerSecond: uplink)
            .shares(for: open.map { ByteRate(bytesPerSecond: peers[$0].capacity) })
        for (index, share) in zip(open, shares) {
            let bytes = share.bytesPerSecond
            peers[index].received += bytes
            peers[index].candidate.sentSinceUnchoke += bytes
            peers[index].meter.add(Int(bytes), now: now)
            sent += bytes
        }
    }

    private mutating func carryOut() {
        for change in changes.take() {
            changeCount += 1
            for index in peers.indices { peers[index].candidate.carryOut(change, now: now) }
        }
    }
}

/// A swarm of leechers, each of which divides its uplink evenly among those that it unchokes; a
/// round is a step.
struct SwarmSimulation {
    /// Bytes a second that each peer gives.
    let uplinks: [Int64]
    private(set) var received: [Int64]
    private var chokers: [Choker]
    private var candidates: [[ChokeCandidate]]
    private var generator: SeededGenerator
    private var now = Instant.zero + .seconds(1_000)
    private var changes = ActionBuffer<ChokeChange>()

    init(uplinks: [Int64], slots: Int, seed: UInt64) {
        self.uplinks = uplinks
        self.received = uplinks.map { _ in 0 }
        self.chokers = uplinks.map { _ in Choker(slots: .fixed(slots)) }
        self.generator = SeededGenerator(seed: seed)
        let begin = now
        self.candidates = uplinks.indices.map { _ in
            uplinks.indices.map { other in
                var candidate = ChokeCandidate(
                    key: PeerKey(slot: UInt32(other), generation: 0), connectedAt: begin)
                candidate.isInterested = true
                return candidate
            }
        }
        for index in uplinks.indices { candidates[index][index].isInterested = false }
    }

    mutating func run(rounds: Int) {
        for _ in 0..<rounds {
            for sender in uplinks.indices { rechoke(sender) }
            for index in uplinks.indices {
                for other in uplinks.indices { candidates[index][other].downloadRate = .zero }
            }
            for sender in uplinks.indices { send(from: sender) }
            now = now + .seconds(10)
        }
    }

    private mutating func rechoke(_ sender: Int) {
        chokers[sender].rechoke(
            candidates[sender], role: .leeching, uploadLimit: nil, now: now, using: &generator,
            into: &changes)
        for change in changes.take() {
            for other in uplinks.indices { candidates[sender][other].carryOut(change, now: now) }
        }
    }

    private mutating func send(from sender: Int) {
        let open = candidates[sender].filter { !$0.isChoked && $0.isInterested }
        for receiver in open.map({ Int($0.key.slot) }) {
            let rate = uplinks[sender] / Int64(open.count)
            received[receiver] += rate * 10
            candidates[receiver][sender].downloadRate = ByteRate(bytesPerSecond: rate)
        }
    }
}
