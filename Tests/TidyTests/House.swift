/// Which room may import what: the table of Docs/ARCHITECTURE.md. Package.swift lets a room see
/// other targets; this also keeps the system's modules out of the floors that decide.
struct House {
    struct Room {
        let floor: Int
        let imports: Set<String>
        /// Above the floors that decide, and as still as they are: its clock and dice are its own.
        var isPure = false
    }

    /// The first floor that may ask for the time, open a file or a socket, or throw dice.
    static let firstImpureFloor = 4

    /// Whether the room must not know the time, nor throw dice without a seed.
    static func isPure(_ room: Room) -> Bool { room.isPure || room.floor < firstImpureFloor }

    /// Modules of the platform, for the floors that do input and output.
    static let platform: Set<String> = [
        "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Synchronization",
    ]

    static let rooms: [String: Room] = [
        "Units": Room(floor: 0, imports: []),
        "Bencode": Room(floor: 1, imports: []),
        "JSONText": Room(floor: 1, imports: []),
        "Hashing": Room(floor: 1, imports: ["COpenSSL", "Units"]),
        "Metainfo": Room(floor: 2, imports: ["Bencode", "Hashing", "Units"]),
        "PeerWire": Room(floor: 2, imports: ["Bencode", "Hashing", "Units", "NIOCore"]),
        "Tracker": Room(floor: 2, imports: ["Bencode", "Hashing", "Units"]),
        "Kademlia": Room(floor: 2, imports: ["Bencode", "Hashing", "Units"]),
        "SwarmScheduler": Room(
            floor: 3,
            imports: [
                "PeerWire", "Metainfo", "Hashing", "Units", "NIOCore", "DequeModule", "HeapModule",
            ]),
        "Transport": Room(
            floor: 4, imports: ["PeerWire", "Hashing", "Units", "NIOCore", "NIOPosix"]),
        "Discovery": Room(
            floor: 4,
            imports: [
                "Transport", "Tracker", "Kademlia", "Bencode", "Hashing", "Units", "NIOCore",
                "NIOPosix",
                "AsyncHTTPClient", "HeapModule", "NIOHTTP1", "NIOHTTPCompression", "NIOSSL",
                "Logging",
                "CLinux",
            ]),
        "Storage": Room(
            floor: 4, imports: ["Metainfo", "Hashing", "Units", "GRDB", "CLinux"]),
        "Chunker": Room(floor: 4, imports: ["Metainfo", "Hashing", "Units"]),
        "SwarmEngine": Room(
            floor: 5,
            imports: [
                "SwarmScheduler", "Transport", "Discovery", "Kademlia", "Storage", "Chunker",
                "PeerWire", "Metainfo", "Tracker", "Hashing", "Units", "NIOCore", "NIOPosix",
                "Logging",
            ]),
        "Simulator": Room(
            floor: 5,
            imports: [
                "Kademlia", "SwarmScheduler", "PeerWire", "Metainfo", "Bencode", "Hashing",
                "Units", "NIOCore",
            ],
            isPure: true),
        "Seedbox": Room(
            floor: 6,
            imports: [
                "SwarmEngine", "SwarmScheduler", "Storage", "Discovery", "Transport", "Metainfo",
                "Bencode", "JSONText", "Hashing", "Units", "HummingbirdCore", "HTTPTypes",
                "ServiceLifecycle", "TOMLKit", "Subprocess", "SystemPackage", "AsyncHTTPClient",
                "NIOCore", "NIOPosix", "NIOHTTP1", "NIOHTTPTypes", "Logging", "CLinux",
                "CWebPage",
            ]),
        "Terminal": Room(floor: 6, imports: ["JSONText"]),
        "swarm": Room(
            floor: 7,
            imports: [
                "Terminal", "Seedbox", "SwarmEngine", "Discovery", "Kademlia", "Chunker",
                "Storage", "Metainfo", "Bencode", "JSONText", "Hashing", "Units", "ArgumentParser",
                "Logging",
            ]),
        "swarm-sim": Room(
            floor: 7, imports: ["Terminal", "Simulator", "JSONText", "Units", "ArgumentParser"]),
    ]

    /// What may stand at the top of the repository, beside names that begin with a dot.
    static let topLevel: Set<String> = [
        "Docs", "Fixtures", "Makefile", "Package.swift", "README.md", "Sources", "Tests",
    ]
}
