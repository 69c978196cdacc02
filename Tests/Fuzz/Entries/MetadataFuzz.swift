import Hashing
import Metainfo
import NIOCore
import PeerWire
import SwarmScheduler
import Units

/// A message about metadata, and a machine that fetches metadata from peers who are driven by a
/// script. Each step has a byte that says what happens and to whom.
enum MetadataFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        try parse(bytes)
        var script = Script(bytes)
        var scene = Scene(script.byte())
        while !script.isEmpty {
            let step = script.byte()
            let peer = Int(step & 7)
            switch step >> 3 {
            case 0..<4: scene.connect(peer, script.byte())
            case 4..<8: scene.say(script.byte(), peer)
            case 8..<16: scene.send(script.bytes(Int(script.byte())), peer)
            case 16..<24: scene.giveTruth(Int(script.byte()), peer, flips: step & 8 != 0)
            case 24..<26: scene.hangUp(peer)
            case 26..<30: scene.pass(.milliseconds(1 << Int64(step & 15)))
            default: scene.reject(Int(script.byte()), peer)
            }
            try scene.check()
        }
    }

    /// What is read is written again as it was meant.
    private static func parse(_ bytes: [UInt8]) throws(BrokenProperty) {
        guard let message = (try? MetadataMessage(parsing: ByteBuffer(bytes: bytes))) ?? nil else {
            return
        }
        let again = (try? MetadataMessage(parsing: message.encoded())) ?? nil
        try require(again == message, "\(message) comes back as \(String(describing: again))")
    }

    private static let info: [UInt8] = {
        let head = "d6:filler40000:" + String(repeating: "x", count: 40_000)
        let tail = "6:lengthi16384e4:name1:a12:piece lengthi16384e6:pieces20:"
        return Array((head + tail).utf8) + [UInt8](repeating: 7, count: 20) + Array("e".utf8)
    }()

    private struct Scene {
        var machine: MetadataMachine
        var now = Instant.zero + .seconds(1)
        var actions = ActionBuffer<TorrentAction>()
        var keys: [PeerKey?] = Array(repeating: nil, count: 8)
        var connectionCount: UInt64 = 0
        var verified: [UInt8]?

        init(_ start: UInt8) {
            var generator = SeededGenerator(seed: UInt64(start))
            let configuration = TorrentMachine.Configuration(
                ourID: .make(prefix: "-SW0100-", using: &generator))
            machine = MetadataMachine(
                infoHash: InfoHash(v1: .hash(MetadataFuzz.info)), configuration: configuration,
                seed: UInt64(start))
        }

        mutating func feed(_ input: TorrentInput) {
            machine.handle(input, now: now, into: &actions)
        }

        mutating func connect(_ peer: Int, _ kind: UInt8) {
            guard keys[peer] == nil else { return }
            connectionCount += 1
            var generator = SeededGenerator(seed: connectionCount)
            let connection = PeerConnection(
                endpoint: Endpoint(ipv4: 0x1400_0001 + UInt32(peer) << 16, port: 40_000),
                isIncoming: kind & 1 == 0, peerID: .make(prefix: "-XX0000-", using: &generator),
                supportsFast: kind & 2 == 0, supportsExtensions: true,
                supportsV2: kind & 4 == 0)
            feed(.connected(connection, connectionID: connectionCount))
            for place in 0..<actions.count {
                if case .admit(_, let key) = actions[place] { keys[peer] = key }
            }
        }

        mutating func say(_ kind: UInt8, _ peer: Int) {
            guard let key = keys[peer] else { return }
            let sizes: [Int?] = [
                nil, MetadataFuzz.info.count, 1, 16_384, 16_385, 16 << 20, 70_000, 100_000,
            ]
            let said = ExtensionHandshake(
                extensions: ExtensionIDs(ours: kind & 8 == 0 ? [.metadata] : []),
                metadataSize: sizes[Int(kind & 7)])
            feed(.message(key, .extensionHandshake(said)))
            feed(.turnEnded(key))
        }

        mutating func send(_ bytes: some Collection<UInt8>, _ peer: Int) {
            guard let key = keys[peer] else { return }
            feed(.message(key, .extended(.metadata, ByteBuffer(bytes: bytes))))
            feed(.turnEnded(key))
        }

        mutating func giveTruth(_ piece: Int, _ peer: Int, flips: Bool) {
            let info = MetadataFuzz.info
            let length = MetadataMessage.length(of: piece % 4, ofByteCount: info.count)
            let begin = piece % 4 * MetadataMessage.pieceByteCount
            guard length > 0 else { return }
            var bytes = Array(info[begin..<begin + length])
            if flips { bytes[piece % length] ^= 1 }
            let message = MetadataMessage.data(
                piece: piece % 4, totalSize: info.count, ByteBuffer(bytes: bytes))
            send(message.encoded().readableBytesView, peer)
        }

        mutating func reject(_ piece: Int, _ peer: Int) {
            send(MetadataMessage.reject(piece: piece).encoded().readableBytesView, peer)
        }

        mutating func hangUp(_ peer: Int) {
            guard let key = keys[peer] else { return }
            keys[peer] = nil
            feed(.disconnected(key, .closedByPeer))
        }

        mutating func pass(_ time: Interval) {
            now = now + time
            guard let (deadline, _) = machine.nextDeadline(), deadline <= now else { return }
            feed(.tick)
        }

        mutating func check() throws(BrokenProperty) {
            for action in actions.take() {
                switch action {
                case .disconnect(let key, _):
                    for peer in keys.indices where keys[peer] == key { keys[peer] = nil }
                case .metadataVerified(let metainfo):
                    try require(
                        metainfo.infoBytes == MetadataFuzz.info, "believes another dictionary")
                    try require(verified == nil, "verified twice")
                    verified = metainfo.infoBytes
                case .send(let key, .extended(.metadata, _)):
                    try require(keys.contains(key), "asks who is gone")
                default: break
                }
            }
            let progress = machine.progress
            try require(
                progress.bytesReceived <= progress.byteCount ?? .max || verified == nil,
                "more has come than there is")
        }
    }
}

/// Answers to requests for hashes, and requests themselves, against one file's tree.
enum HashesFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        var script = Script(bytes)
        let blocks = Int(script.byte()) * 3 + Int(script.byte() & 3) + 1
        guard let tree = Tree(blocks: blocks, blocksPerPiece: 1 << Int(script.byte() & 3)) else {
            return
        }
        while !script.isEmpty {
            let request = HashRequest(
                piecesRoot: tree.root, baseLayer: UInt32(script.byte()) % 8,
                index: UInt32(script.byte()) << UInt32(script.byte() % 25),
                length: UInt32(1) << UInt32(script.byte() % 32), proofLayers: UInt32(script.byte()))
            try tree.check(request)
        }
        try wire(bytes)
    }

    /// The same bytes as messages to a session that has its handshakes behind it.
    private static func wire(_ bytes: [UInt8]) throws(BrokenProperty) {
        var generator = SeededGenerator(seed: 1)
        let ours = Handshake(
            infoHash: .hash([1]), peerID: .make(prefix: "-SW0100-", using: &generator),
            supportsV2: true)
        var theirs = ours
        theirs.peerID = .make(prefix: "-XX0000-", using: &generator)
        for id in [21, 22, 23] as [UInt8] {
            var session = PeerSession(.initiating(ours, pieceCount: 100), now: .zero)
            var events = ActionBuffer<PeerSession.Event>()
            var buffer = theirs.encoded
            let payload = bytes.prefix(id == 22 ? 4_000 : 48)
            buffer.writeInteger(UInt32(payload.count + 1))
            buffer.writeInteger(id)
            buffer.writeBytes(payload)
            session.receive(&buffer, now: .zero, into: &events)
            for event in events.take() {
                guard case .message(.hashes(let request, let hashes)) = event else { continue }
                try require(hashes.count == request.hashCount, "hashes of another number")
                try require(hashes.first != .zero, "believes a zero hash")
            }
        }
    }

    private struct Tree {
        let metainfo: Metainfo
        let leaves: [SHA256Digest]
        let root: SHA256Digest

        init?(blocks: Int, blocksPerPiece: Int) {
            let leaves = (0..<blocks).map { SHA256Digest.hash([UInt8($0 & 255), UInt8($0 >> 8)]) }
            let whole = blocks > blocksPerPiece ? blocksPerPiece : MerkleTree.leafCount(for: blocks)
            let roots = stride(from: 0, to: blocks, by: blocksPerPiece).map { start in
                MerkleTree.root(
                    of: leaves[start..<min(start + blocksPerPiece, blocks)], padTo: whole)
            }
            let name: [UInt8] = [0x66]
            guard
                let builder = try? MetainfoBuilder(
                    name: name, files: [.init(path: [name], length: Int64(blocks) * 16_384)],
                    isSingleFile: true, pieceLength: UInt32(blocksPerPiece) * 16_384,
                    version: .v2),
                let metainfo = try? builder.build(pieces: [], pieceRoots: [roots]),
                let root = metainfo.layout.files[0].piecesRoot
            else { return nil }
            self.metainfo = metainfo
            self.leaves = leaves
            self.root = root
        }

        /// What is answered is as long as was asked for, and proves itself if all of the proof was.
        func check(_ request: HashRequest) throws(BrokenProperty) {
            guard let answer = HashAnswer(request, metainfo) else { return }
            struct Missing: Error {}
            let read = try? answer.hashes { number throws(Missing) in
                guard number < leaves.count else { throw Missing() }
                return leaves[number]
            }
            guard let hashes = read else { throw BrokenProperty(text: "reads what is not there") }
            try require(
                hashes.count == request.hashCount, "\(hashes.count) hashes for \(request)")
            let (base, length) = (Int(request.baseLayer), Int(request.length))
            let height = MerkleTree.height(ofLeafCount: leaves.count)
            guard base + length.trailingZeroBitCount + request.uncleCount == height else { return }
            let node = MerkleTree.root(of: hashes[..<length], padTo: length)
            let top = MerkleTree.root(
                proving: node, at: Int(request.index) / length, uncles: Array(hashes[length...]))
            try require(top == root, "does not prove itself: \(request)")
        }
    }
}
