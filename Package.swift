// swift-tools-version: 6.2
import PackageDescription

// A target is a room; a room uses rooms on lower floors only, and only those on its line.
// `room` declares a room together with its tests, so that a room without tests cannot be declared.
//
// SWARM_ROOMS=Bencode,Metainfo swift test     builds those rooms, what they stand on and their
//                                             tests only. A suite counts as a room: Tidy, Interop.

let nio = Package.Dependency.package(url: "https://github.com/apple/swift-nio", from: "2.101.2")
let collections = Package.Dependency.package(
    url: "https://github.com/apple/swift-collections", from: "1.6.0")
let log = Package.Dependency.package(url: "https://github.com/apple/swift-log", from: "1.16.2")
let httpClient = Package.Dependency.package(
    url: "https://github.com/swift-server/async-http-client", from: "1.37.0")
let grdb = Package.Dependency.package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0")
let argumentParser = Package.Dependency.package(
    url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")

let NIOCore = External(product: "NIOCore", package: "swift-nio", source: nio)
let NIOPosix = External(product: "NIOPosix", package: "swift-nio", source: nio)
let NIOEmbedded = External(product: "NIOEmbedded", package: "swift-nio", source: nio)
let NIOHTTP1 = External(product: "NIOHTTP1", package: "swift-nio", source: nio)
let NIOSSL = External(
    product: "NIOSSL", package: "swift-nio-ssl",
    source: .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"))
let NIOHTTPCompression = External(
    product: "NIOHTTPCompression", package: "swift-nio-extras",
    source: .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"))
let NIOHTTPTypes = External(
    product: "NIOHTTPTypes", package: "swift-nio-extras",
    source: .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"))
let DequeModule = External(
    product: "DequeModule", package: "swift-collections", source: collections)
let HeapModule = External(product: "HeapModule", package: "swift-collections", source: collections)
let Logging = External(product: "Logging", package: "swift-log", source: log)
let AsyncHTTPClient = External(
    product: "AsyncHTTPClient", package: "async-http-client", source: httpClient)
let GRDB = External(product: "GRDB", package: "GRDB.swift", source: grdb)
let ArgumentParser = External(
    product: "ArgumentParser", package: "swift-argument-parser", source: argumentParser)

let HummingbirdCore = External(
    product: "HummingbirdCore", package: "hummingbird",
    source: .package(
        url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"))
let HTTPTypes = External(
    product: "HTTPTypes", package: "swift-http-types",
    source: .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"))
let ServiceLifecycle = External(
    product: "ServiceLifecycle", package: "swift-service-lifecycle",
    source: .package(
        url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"))
let TOMLKit = External(
    product: "TOMLKit", package: "TOMLKit",
    source: .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"))
let Subprocess = External(
    product: "Subprocess", package: "swift-subprocess",
    source: .package(
        url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []))
let SystemPackage = External(
    product: "SystemPackage", package: "swift-system",
    source: .package(url: "https://github.com/apple/swift-system", from: "1.5.0"))

let house: [Room] = [
    // Floor 0, ground.
    room("Units"),

    // Floor 1, formats.
    room("Bencode"),
    room("JSONText"),
    room("Hashing", uses: ["Units"], libraries: ["COpenSSL"]),

    // Floor 2, protocols.
    room("Metainfo", uses: ["Bencode", "Hashing", "Units"]),
    room("PeerWire", uses: ["Bencode", "Hashing", "Units"], packages: [NIOCore]),
    room("Tracker", uses: ["Bencode", "Hashing", "Units"]),
    room("Kademlia", uses: ["Bencode", "Hashing", "Units"]),

    // Floor 3, decisions.
    room(
        "SwarmScheduler", uses: ["PeerWire", "Metainfo", "Hashing", "Units"],
        packages: [NIOCore, DequeModule, HeapModule], testUses: ["Bencode"]),

    // Floor 4, shells.
    room(
        "Transport", uses: ["PeerWire", "Hashing", "Units"],
        packages: [NIOCore, NIOPosix]),
    room(
        "Discovery",
        uses: ["Transport", "Tracker", "Kademlia", "Bencode", "Hashing", "Units"],
        packages: [
            NIOCore, NIOPosix, NIOSSL, NIOHTTPCompression, AsyncHTTPClient, HeapModule, Logging,
        ], libraries: ["CLinux"],
        testPackages: [NIOHTTP1]),
    room(
        "Storage", uses: ["Metainfo", "Hashing", "Units"], packages: [GRDB],
        libraries: ["CLinux"], testUses: ["Bencode", "CLinux"]),
    room("Chunker", uses: ["Metainfo", "Hashing", "Units"], testUses: ["Bencode"]),

    // Floor 5, engine.
    room(
        "SwarmEngine",
        uses: [
            "SwarmScheduler", "Transport", "Discovery", "Kademlia", "Storage", "Chunker",
            "PeerWire",
            "Metainfo", "Tracker", "Hashing", "Units",
        ],
        packages: [NIOCore, NIOPosix, Logging]),
    room(
        "Simulator",
        uses: [
            "Kademlia", "SwarmScheduler", "PeerWire", "Metainfo", "Bencode", "Hashing", "Units",
        ],
        packages: [NIOCore]),

    // Floor 6, the service, and what doors share.
    room(
        "Seedbox",
        uses: [
            "SwarmEngine", "SwarmScheduler", "Storage", "Discovery", "Transport", "Metainfo",
            "Bencode", "JSONText", "Hashing", "Units",
        ],
        packages: [
            HummingbirdCore, HTTPTypes, ServiceLifecycle, TOMLKit, Subprocess, SystemPackage,
            AsyncHTTPClient, NIOCore, NIOPosix, NIOHTTP1, NIOHTTPTypes, Logging,
        ], libraries: ["CLinux", "CWebPage"]),
    room("Terminal", uses: ["JSONText"], testUses: ["Units"]),

    // Floor 7, doors.
    door(
        "swarm",
        uses: [
            "Terminal", "Seedbox", "SwarmEngine", "Discovery", "Kademlia", "Chunker", "Storage",
            "Metainfo", "Bencode", "JSONText", "Hashing", "Units",
        ],
        packages: [ArgumentParser, Logging]),
    door(
        "swarm-sim", uses: ["Terminal", "Simulator", "JSONText", "Units"],
        packages: [ArgumentParser]),
]

// Suites that are not a room's own: they look at the whole house, or at the finished program.
let suites: [Suite] = [
    Suite(
        name: "FuzzCorpus",
        uses: [
            "Bencode", "Metainfo", "PeerWire", "SwarmScheduler", "Tracker", "Kademlia", "Hashing",
            "Units",
        ],
        packages: [NIOCore],
        library: .target(name: "FuzzEntries", path: "Tests/Fuzz/Entries")),
    Suite(name: "Interop", exclude: ["Support"]),
    Suite(name: "Tidy"),
]

// MARK: - The helpers

struct External {
    let product: String
    let package: String
    let source: Package.Dependency
}

struct Room {
    let name: String
    let uses: [String]
    let testUses: [String]
    let packages: [External]
    let testPackages: [External]
    let libraries: [String]
    let isDoor: Bool
}

struct Suite {
    let name: String
    var uses: [String] = []
    var packages: [External] = []
    /// What the suite and another program share.
    var library: Target?
    var exclude: [String] = []

    var targets: [Target] {
        let below = dependencies(uses, packages)
        library?.dependencies = below
        library?.swiftSettings = strict
        let tests = Target.testTarget(
            name: "\(name)Tests",
            dependencies: below + (library.map { [.target(name: $0.name)] } ?? []),
            exclude: exclude, swiftSettings: strict)
        return [tests] + (library.map { [$0] } ?? [])
    }
}

func room(
    _ name: String, uses: [String] = [], packages: [External] = [], libraries: [String] = [],
    testUses: [String] = [], testPackages: [External] = []
) -> Room {
    Room(
        name: name, uses: uses, testUses: testUses, packages: packages,
        testPackages: testPackages, libraries: libraries, isDoor: false)
}

func door(_ name: String, uses: [String], packages: [External]) -> Room {
    Room(
        name: name, uses: uses, testUses: [], packages: packages, testPackages: [],
        libraries: [], isDoor: true)
}

// SWARM_FUZZ names libFuzzer's archive without a main function; Tests/Fuzz/fuzz.sh finds it.
let fuzzer = Context.environment["SWARM_FUZZ"]

let strict: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .treatAllWarnings(as: .error),
    ] + (fuzzer == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer,address"])])

func dependencies(_ rooms: [String], _ packages: [External]) -> [Target.Dependency] {
    rooms.map { .target(name: $0) }
        + packages.map { .product(name: $0.product, package: $0.package) }
}

func targets(of room: Room, withTests: Bool) -> [Target] {
    let uses = dependencies(room.uses + room.libraries, room.packages)
    let code: Target =
        room.isDoor
        ? .executableTarget(name: room.name, dependencies: uses, swiftSettings: strict)
        : .target(name: room.name, dependencies: uses, swiftSettings: strict)
    guard withTests else { return [code] }
    let tests = Target.testTarget(
        name: "\(room.name)Tests",
        dependencies: [.target(name: room.name)]
            + dependencies(room.uses + room.testUses, room.packages + room.testPackages),
        swiftSettings: strict)
    return [code, tests]
}

func fuzzDriver(with archive: String) -> Target {
    .executableTarget(
        name: "swarm-fuzz", dependencies: [.target(name: "FuzzEntries")],
        path: "Tests/Fuzz/Driver", swiftSettings: strict,
        linkerSettings: [
            .unsafeFlags(["-sanitize=address", archive]), .linkedLibrary("stdc++"),
        ])
}

let asked = Context.environment["SWARM_ROOMS"].map { $0.split(separator: ",").map(String.init) }
let openSuites = suites.filter { asked?.contains($0.name) ?? true }
var wanted = Set(asked ?? house.map(\.name)).union(openSuites.flatMap(\.uses))
for room in house.reversed() where wanted.contains(room.name) {
    wanted.formUnion(room.uses + (asked?.contains(room.name) ?? true ? room.testUses : []))
}
let open = house.filter { wanted.contains($0.name) }
let needed =
    open.flatMap { $0.packages + $0.testPackages } + openSuites.flatMap(\.packages)
var sources: [String: Package.Dependency] = [:]
for package in needed { sources[package.package] = package.source }

let package = Package(
    name: "swarm",
    products: open.compactMap { room in
        switch room.name {
        case "SwarmEngine": .library(name: room.name, targets: [room.name])
        case "swarm", "swarm-sim": .executable(name: room.name, targets: [room.name])
        default: nil
        }
    },
    dependencies: sources.sorted { $0.key < $1.key }.map(\.value),
    targets: [
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(
            name: "CWebPage", exclude: ["page"], linkerSettings: [.linkedLibrary("z")]),
    ] + open.flatMap { targets(of: $0, withTests: asked?.contains($0.name) ?? true) }
        + openSuites.flatMap(\.targets) + (fuzzer.map { [fuzzDriver(with: $0)] } ?? [])
)
