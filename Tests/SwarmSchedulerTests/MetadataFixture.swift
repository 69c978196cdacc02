import Bencode
import Hashing
import Metainfo
import NIOCore
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// A machine without metadata, with peers whose messages the test writes.
struct MetadataFixture {
    var machine: MetadataMachine
    var now = Instant.zero + .seconds(100)
    private var nextConnection: UInt64 = 0

    init(
        _ infoHash: InfoHash, _ configure: (inout TorrentMachine.Configuration) -> Void = { _ in }
    ) throws {
        let id = try #require(PeerID(bytes: Array("-SW0100-ourownpeerid".utf8)))
        var configuration = TorrentMachine.Configuration(ourID: id)
        configure(&configuration)
        machine = MetadataMachine(infoHash: infoHash, configuration: configuration, seed: 1)
    }

    mutating func feed(_ input: TorrentInput, after delay: Interval = .zero) -> [TorrentAction] {
        now = now + delay
        var actions = ActionBuffer<TorrentAction>()
        machine.handle(input, now: now, into: &actions)
        return actions.take()
    }

    /// Lets time pass as a driver would.
    mutating func pass(_ time: Interval) -> [TorrentAction] {
        let end = now + time
        var actions: [TorrentAction] = []
        while let (deadline, _) = machine.nextDeadline(), deadline <= end {
            now = max(now, deadline)
            actions += feed(.tick)
        }
        now = end
        return actions
    }

    mutating func receive(_ messages: PeerMessage..., from key: PeerKey) -> [TorrentAction] {
        var actions: [TorrentAction] = []
        for message in messages { actions += feed(.message(key, message)) }
        return actions + feed(.turnEnded(key))
    }

    /// A connected peer of its own network, with what we send it first.
    mutating func connect(
        supportsFast: Bool = true, supportsV2: Bool = false, client: String = "-XX0000-"
    ) throws -> (PeerKey, [TorrentAction]) {
        nextConnection += 1
        let number = UInt32(truncatingIfNeeded: nextConnection)
        let id = try #require(
            PeerID(bytes: Array("\(client)\(100_000_000_000 + nextConnection)".utf8)))
        let connection = PeerConnection(
            endpoint: Endpoint(ipv4: 0x1400_0001 + number << 16, port: 40_000),
            isIncoming: true, peerID: id, supportsFast: supportsFast, supportsExtensions: true,
            supportsV2: supportsV2)
        let actions = feed(.connected(connection, connectionID: nextConnection))
        for action in actions {
            if case .admit(_, let key) = action { return (key, actions) }
        }
        throw TorrentFixture.Refused()
    }

    /// A peer that says that the metadata has so many bytes, with what it is asked for.
    mutating func connect(
        saying size: Int?, supportsV2: Bool = false
    ) throws -> (PeerKey, [Int]) {
        let (key, _) = try connect(supportsV2: supportsV2)
        return (key, receive(Self.extensions(saying: size), from: key).metadataRequests(to: key))
    }

    static func extensions(saying size: Int?) -> PeerMessage {
        .extensionHandshake(
            ExtensionHandshake(extensions: ExtensionIDs(ours: [.metadata]), metadataSize: size))
    }

    static func piece(
        _ piece: Int, of bytes: [UInt8], totalSize: Int? = nil, cut: Int = 0
    ) -> PeerMessage {
        let begin = piece * MetadataMessage.pieceByteCount
        let length = MetadataMessage.length(of: piece, ofByteCount: bytes.count)
        let part = ByteBuffer(bytes: bytes[begin..<begin + length - cut])
        return .extended(
            .metadata,
            MetadataMessage.data(piece: piece, totalSize: totalSize ?? bytes.count, part).encoded()
        )
    }

    static func reject(_ piece: Int) -> PeerMessage {
        .extended(.metadata, MetadataMessage.reject(piece: piece).encoded())
    }

    static func request(_ piece: Int) -> PeerMessage {
        .extended(.metadata, MetadataMessage.request(piece: piece).encoded())
    }

    /// The peer gives all pieces that it was asked for.
    mutating func give(
        _ bytes: [UInt8], _ pieces: [Int], from key: PeerKey
    ) -> [TorrentAction] {
        var actions: [TorrentAction] = []
        for piece in pieces {
            actions += feed(.message(key, Self.piece(piece, of: bytes)))
        }
        return actions + feed(.turnEnded(key))
    }
}

extension [TorrentAction] {
    func metadataMessages(to key: PeerKey) -> [MetadataMessage] {
        sent(to: key).compactMap { message in
            guard case .extended(.metadata, let payload) = message else { return nil }
            return (try? MetadataMessage(parsing: payload)).flatMap(\.self)
        }
    }

    /// The pieces of the info dictionary that the peer is asked for.
    func metadataRequests(to key: PeerKey) -> [Int] {
        metadataMessages(to: key).compactMap {
            if case .request(let piece) = $0 { piece } else { nil }
        }
    }

    func hashRequests(to key: PeerKey) -> [HashRequest] {
        sent(to: key).compactMap { if case .hashRequest(let request) = $0 { request } else { nil } }
    }

    var verified: Metainfo? {
        lazy.compactMap { if case .metadataVerified(let metainfo) = $0 { metainfo } else { nil } }
            .first
    }

    var complete: Metainfo? {
        lazy.compactMap { if case .metadataComplete(let metainfo) = $0 { metainfo } else { nil } }
            .first
    }

    var failure: TorrentFailure? {
        lazy.compactMap { if case .failed(let failure) = $0 { failure } else { nil } }.first
    }

    var bans: [Endpoint] {
        compactMap {
            if case .banned(let endpoint, .corruptMetadata) = $0 { endpoint } else { nil }
        }
    }
}

/// Torrents for tests, of contents that nobody has.
enum SomeTorrent {
    /// A v1 torrent whose info dictionary has at least so many bytes.
    static func v1(infoBytes: Int, isPrivate: Bool = false) throws -> Metainfo {
        let pieces = max(1, infoBytes / 20)
        var entries: [[UInt8]: Bencode] = [
            Array("length".utf8): .integer(Int64(pieces) * 16_384),
            Array("name".utf8): .string("content"),
            Array("piece length".utf8): .integer(16_384),
            Array("pieces".utf8): .bytes(
                (0..<pieces).flatMap { SHA1Digest.hash(Array("\($0)".utf8)).bytes }),
        ]
        if isPrivate { entries[Array("private".utf8)] = .integer(1) }
        let info = Bencode.dictionary(entries)
        return try Metainfo(Bencode.dictionary([Array("info".utf8): info]).encoded())
    }

    /// A v2 or hybrid torrent with files of so many pieces each.
    static func trees(
        _ pieceCounts: [Int], _ version: Metainfo.Version = .v2, pieceLength: UInt32 = 32_768
    ) throws -> Metainfo {
        let files = pieceCounts.enumerated().map { index, count in
            MetainfoBuilder.File(
                path: [Array("file\(1000 + index)".utf8)],
                length: Int64(count) * Int64(pieceLength))
        }
        let builder = try MetainfoBuilder(
            name: Array("trees".utf8), files: files, isSingleFile: false,
            pieceLength: pieceLength, version: version)
        let roots = builder.layout.files.filter { !$0.isPad }.map { file in
            (0..<Int(file.length / Int64(pieceLength))).map {
                // Of files with one content each, by the number of their pieces.
                SHA256Digest.hash(Array("\(file.length) \($0)".utf8))
            }
        }
        let pieces = (0..<(version == .v2 ? 0 : builder.layout.pieceCount)).flatMap {
            SHA1Digest.hash(Array("piece \($0)".utf8)).bytes
        }
        return try builder.build(pieces: pieces, pieceRoots: roots)
    }

    /// What an honest peer answers.
    static func hashes(_ request: HashRequest, _ metainfo: Metainfo) -> [SHA256Digest]? {
        let layout = metainfo.layout
        let found = layout.files.indices.first {
            layout.files[$0].piecesRoot == request.piecesRoot
        }
        guard let found, let layer = metainfo.pieceLayer(of: FileIndex(found)) else { return nil }
        let height = MerkleTree.height(ofLeafCount: Int(layout.pieceLength / blockLength))
        guard request.baseLayer == UInt32(height) else { return nil }
        var nodes = layer
        let pad = MerkleTree.zeroRoot(height: height)
        nodes += Array(
            repeating: pad, count: MerkleTree.leafCount(for: layer.count) - layer.count)
        var answer = Array(nodes[Int(request.index)..<Int(request.index + request.length)])
        var position = Int(request.index)
        for step in 0..<MerkleTree.height(ofLeafCount: nodes.count) {
            let isKnown = step < request.length.trailingZeroBitCount
            if !isKnown, step < Int(request.proofLayers) + 1 { answer.append(nodes[position ^ 1]) }
            nodes = stride(from: 0, to: nodes.count, by: 2).map {
                MerkleTree.parent(nodes[$0], nodes[$0 + 1])
            }
            position >>= 1
        }
        return answer
    }
}
