import Foundation
import Testing

/// One seed, one leecher, and a tracker by which they find each other: the leecher's own word that
/// it is done, no word against its peer, and the same bytes.
func transfer(
    from seedKind: ClientKind, to leechKind: ClientKind, _ shape: Content.Shape,
    by scheme: Opentracker.Scheme, in arena: Arena,
    make: (_ content: Content, _ tracker: String) async throws -> Torrent
) async throws {
    let content = try Content.make(shape, in: arena.makeFolder("content"))
    let trackerHost = try await arena.network.addHost()
    let torrent = try await make(content, Opentracker.address(scheme, of: trackerHost))
    let tracker = try await Opentracker(
        in: arena, on: trackerHost, serving: torrent.infoHashes)

    let seeded = try await content.copy(to: arena.makeFolder("seed"))
    let seed = try await seedKind.start(.seed, torrent, folder: seeded.folder, in: arena)
    try await eventually("the tracker knows the seed", within: .seconds(30)) {
        for infoHash in torrent.infoHashes where try await tracker.seeds(of: infoHash) > 0 {
            return true
        }
        return false
    }
    let fetched = try arena.makeFolder("leech")
    let leech = try await leechKind.start(.leech, torrent, folder: fetched, in: arena)
    try await leech.complete(within: .seconds(90))

    let complaints = try await seed.complaints() + leech.complaints()
    #expect(complaints == [], "\(complaints)")
    await leech.child.stop()
    await seed.child.stop()
    let wrong = try content.differences(from: fetched, emptyFiles: leechKind.makesEmptyFiles)
    #expect(wrong == [], "\(wrong.prefix(10))")
    let spoilt = try content.differences(from: seeded.folder)
    #expect(spoilt == [], "the seed's copy has changed: \(spoilt.prefix(10))")
}
