import Foundation

enum Role: String, Sendable {
    case seed
    /// Takes everything, and then leaves if that is its nature.
    case leech
    /// Takes everything, and serves it from then on.
    case stay
}

/// A client that runs on a machine of its own.
protocol Client: Sendable {
    var child: Child { get }

    /// Whether the client itself says that it has every piece.
    func isComplete() async throws -> Bool

    /// What it has said against its peers: pieces that failed their hash, bans.
    func complaints() async throws -> [String]
}

extension Client {
    func complete(within limit: Duration) async throws {
        try await eventually("\(child.name) is complete", within: limit, every: .milliseconds(100))
        {
            try await isComplete()
        }
    }

    /// The lines of the log that hold one of `words`.
    func lines(with words: [String]) -> [String] {
        child.output.split(separator: "\n").map(String.init).filter { line in
            words.contains { line.localizedCaseInsensitiveContains($0) }
        }
    }
}

/// A torrent, and how a client is told of it.
struct Torrent: Sendable {
    enum Kind: String, Sendable, CaseIterable { case v1, v2, hybrid }

    /// The path of its manifest, or a magnet link.
    let source: String
    /// 20 bytes each, in hex: SHA-1, or SHA-256 cut short.
    let infoHashes: [String]
}

enum ClientKind: String, Sendable, CaseIterable {
    case swarm, libtorrent, transmission, aria2, rtorrent

    /// The others.
    static let foreign = allCases.filter { $0 != .swarm }

    /// Where it accepts peers.
    var port: UInt16 { self == .transmission ? 51413 : 6881 }

    /// Transmission 3.00 leaves files of no length out.
    var makesEmptyFiles: Bool { self != .transmission }

    /// Starts the client on a new machine, with `torrent` added; `folder` holds the content, or
    /// will hold it.
    func start(_ role: Role, _ torrent: Torrent, folder: URL, in arena: Arena) async throws
        -> any Client
    {
        let host = try await arena.network.addHost()
        let order = Order(
            role: role, source: torrent.source, folder: folder, host: host, arena: arena)
        return try await start(order)
    }

    /// Starts the client on the order's machine.
    func start(_ order: Order) async throws -> any Client {
        switch self {
        case .swarm: try SwarmClient(order)
        case .libtorrent: try LibtorrentClient(order)
        case .transmission: try await TransmissionClient(order)
        case .aria2: try Aria2Client(order)
        case .rtorrent: try RtorrentClient(order)
        }
    }
}

/// What a client is told to do, and where.
struct Order: Sendable {
    let role: Role
    let source: String
    let folder: URL
    let host: Host
    let arena: Arena

    func start(
        _ kind: ClientKind, _ arguments: [String], environment: [String: String] = [:],
        splitErrors: Bool = false
    ) throws -> Child {
        try arena.start(
            "\(kind.rawValue)-\(role.rawValue)", on: host, arguments, environment: environment,
            splitErrors: splitErrors)
    }
}
