import Hashing
import Kademlia
import Units

/// A node whose packets, moments and work are as the script says. So that answers are reached at
/// all, four bytes after `1:t4:` become the number of the last query to that address, and eight
/// after `5:token8:` the last token that was given to it.
enum DHTNodeFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        var script = Script(bytes)
        var world = World(seed: UInt64(script.byte()))
        while !script.isEmpty, world.steps < 400 {
            world.steps += 1
            let step = script.byte()
            switch step {
            case 0..<0xC0:
                let size = Int(step) + (step & 1 == 1 ? 64 * Int(script.byte()) : 0)
                try world.receive(Array(script.bytes(size)), from: Int(script.byte()))
            case 0xC0..<0xE0: try world.pass(.milliseconds(Int64(step & 31) * 100))
            case 0xE0..<0xE8: try world.pass(.minutes(Int64(step & 7) * 5))
            default: try world.begin(step, script.byte())
            }
        }
        try world.end()
    }
}

private struct World {
    private static let senders: [Endpoint] = (0..<6).map { number in
        number < 4
            ? Endpoint(ipv4: 0x0B00_0001 + UInt32(number) << 8, port: 6881)
            : Endpoint(ipv6High: 0x2001_0DBA_0000_0000 + UInt64(number), low: 1, port: 6881)
    }

    var steps = 0
    private var node: DHTNode
    private var output = DHTOutput()
    private var now = Instant.zero
    private var numbers: [Endpoint: [UInt8]] = [:]
    private var tokens: [Endpoint: [UInt8]] = [:]
    private var begun: Set<WorkID> = []
    private var ended: Set<WorkID> = []
    private var received = 0
    private var sent = 0

    init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var configuration = DHTNode.Configuration(using: &generator)
        configuration.isTracing = seed & 1 == 1
        configuration.isReadOnly = seed & 6 == 6
        node = DHTNode(configuration, seed: seed)
        node.addNodes([Self.senders[0], Self.senders[4]], now: now, into: &output)
    }

    mutating func receive(_ bytes: [UInt8], from place: Int) throws(BrokenProperty) {
        let sender = Self.senders[place % Self.senders.count]
        var packet = bytes
        replace(&packet, after: Array("1:t4:".utf8), with: numbers[sender])
        replace(&packet, after: Array("5:token8:".utf8), with: tokens[sender])
        received += 1
        packet.withUnsafeBytes { node.receive($0, from: sender, now: now, into: &output) }
        try drain()
    }

    mutating func pass(_ time: Interval) throws(BrokenProperty) {
        let end = now + time
        var ticks = 0
        while let (due, reason) = node.nextDeadline(), due <= end {
            now = max(now, due)
            node.tick(now: now, into: &output)
            try drain()
            ticks += 1
            try require(ticks < 20_000, "no end of ticks: \(reason)")
            if let (again, why) = node.nextDeadline() {
                try require(again > now, "due again at once: \(why)")
            }
        }
        now = end
        node.tick(now: now, into: &output)
        try drain()
    }

    mutating func begin(_ step: UInt8, _ argument: UInt8) throws(BrokenProperty) {
        let family: AddressFamily = argument & 1 == 0 ? .ipv4 : .ipv6
        let hash = SHA1Digest.hash([argument >> 4])
        let work: WorkID
        switch step & 7 {
        case 0: work = node.lookup(NodeID(hash), family, now: now, into: &output)
        case 1:
            work = node.getPeers(
                hash, announcing: DHTAnnouncement(port: 1), family, now: now, into: &output)
        case 2: work = node.scrape(hash, family, now: now, into: &output)
        case 3: work = node.get(immutable: NodeID(hash), family, now: now, into: &output)
        case 4:
            let item = DHTItem(value: Array("1:x".utf8))
            work = node.put(item, family, now: now, into: &output)
        case 5: work = node.sample(near: NodeID(hash), family, now: now, into: &output)
        case 6: work = node.ping(Self.senders[Int(argument) % 6], now: now, into: &output)
        default:
            node.restore(node.savedContacts, now: now, into: &output)
            return try drain()
        }
        begun.insert(work)
        try drain()
    }

    /// In time everything ends, and what was learned has its bounds.
    mutating func end() throws(BrokenProperty) {
        try pass(.seconds(45))
        for work in begun { try require(ended.contains(work), "\(work) does not end") }
        let sizes = node.tableSizes
        try require(sizes.ipv4 <= 600 && sizes.ipv6 <= 600, "\(sizes) nodes")
        try require(node.storedCounts.peers <= received, "peers out of nothing")
        try require(sent <= 64 * begun.count + 400 * received + 20_000, "\(sent) packets")
    }

    private mutating func drain() throws(BrokenProperty) {
        for packet in output.packets {
            let bytes = output.bytes(of: packet)
            sent += 1
            try require(!bytes.isEmpty && bytes.count <= 1400, "a packet of \(bytes.count) bytes")
            try require(packet.endpoint.isDialable, "a packet to \(packet.endpoint)")
            guard let message = try? KRPCMessage(parsing: bytes) else {
                throw BrokenProperty(text: "what we sent cannot be read")
            }
            if case .query = message.kind {
                numbers[packet.endpoint] = message.transactionID.bytes
            } else if let token = message.token {
                tokens[packet.endpoint] = bytes.withUnsafeBytes { Array(token.bytes(in: $0)) }
            }
        }
        for event in output.events.take() {
            guard case .finished(let work, _) = event else { continue }
            try require(ended.insert(work).inserted, "\(work) ended twice")
        }
        output.removeAll()
    }

    private func replace(_ packet: inout [UInt8], after mark: [UInt8], with bytes: [UInt8]?) {
        guard let bytes, let place = position(of: mark, in: packet) else { return }
        let range = place + mark.count..<place + mark.count + bytes.count
        guard range.upperBound <= packet.count else { return }
        packet.replaceSubrange(range, with: bytes)
    }

    private func position(of mark: [UInt8], in packet: [UInt8]) -> Int? {
        guard packet.count >= mark.count else { return nil }
        return (0...(packet.count - mark.count)).first {
            packet[$0..<$0 + mark.count].elementsEqual(mark)
        }
    }
}
