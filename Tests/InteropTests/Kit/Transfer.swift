import Foundation
import Testing

/// One seed, one leecher, and a tracker by which they find each other: the leecher's own word that
/// it is done, no word against its peer, and the same bytes.
struct Transfer: Sendable, CustomTestStringConvertible {
    let seed: ClientKind
    let leech: ClientKind
    var kind = Torrent.Kind.v1
    let shape: Content.Shape
    let scheme: Opentracker.Scheme
    /// The leecher knows the magnet link only.
    var byMagnet = false

    var testDescription: String {
        "\(seed) to \(leech), \(kind) \(shape)\(byMagnet ? " by magnet" : ""), tracker by \(scheme)"
    }

    /// Runs it with a manifest of ours, in a place of its own.
    func run() async throws {
        try await Arena.with { arena in
            try await run(in: arena) { content, tracker in
                try await SwarmClient.create(kind, of: content, tracker: tracker, in: arena)
            }
        }
    }

    func run(
        in arena: Arena, make: (_ content: Content, _ tracker: String) async throws -> Torrent
    ) async throws {
        let content = try Content.make(shape, in: arena.makeFolder("content"))
        let meeting = try await Meeting(of: content, by: scheme, in: arena, make: make)
        let seeded = try await content.copy(to: arena.makeFolder("seed"))
        let seed = try await seed.start(.seed, meeting.torrent, folder: seeded.folder, in: arena)
        try await meeting.seedIsKnown()

        let source =
            byMagnet ? try await SwarmClient.magnet(of: meeting.torrent) : meeting.torrent
        let fetched = try arena.makeFolder("leech")
        let leecher = try await leech.start(.leech, source, folder: fetched, in: arena)
        try await leecher.complete(within: .seconds(180))

        let complaints = try await seed.complaints() + leecher.complaints()
        #expect(complaints == [], "\(complaints)")
        await leecher.child.stop()
        await seed.child.stop()
        let wrong = try content.differences(from: fetched, emptyFiles: leech.makesEmptyFiles)
        #expect(wrong == [], "\(wrong.prefix(10))")
        let spoilt = try content.differences(from: seeded.folder)
        #expect(spoilt == [], "the seed's copy has changed: \(spoilt.prefix(10))")
    }
}

/// A torrent, and the tracker that it names.
struct Meeting: Sendable {
    let torrent: Torrent
    let tracker: Opentracker

    init(
        of content: Content, by scheme: Opentracker.Scheme, in arena: Arena,
        make: (_ content: Content, _ tracker: String) async throws -> Torrent
    ) async throws {
        let host = try await arena.network.addHost()
        torrent = try await make(content, Opentracker.address(scheme, of: host))
        tracker = try await Opentracker(in: arena, on: host, serving: torrent.infoHashes)
    }

    /// Waits until somebody complete has announced itself.
    func seedIsKnown() async throws {
        try await eventually("the tracker knows the seed", within: .seconds(60)) {
            for infoHash in torrent.infoHashes where try await tracker.seeds(of: infoHash) > 0 {
                return true
            }
            return false
        }
    }
}
