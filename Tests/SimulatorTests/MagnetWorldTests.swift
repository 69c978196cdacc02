import Metainfo
import Simulator
import Testing
import Units

/// Whole clients that begin with a hash, among honest ones and liars, over a network with delays.
@Suite struct MagnetWorldTests {
    /// Round trips to the first byte of content of one newcomer for each seed, sorted.
    private func firstBytes(
        _ content: SwarmContent, seeds: ClosedRange<UInt64>,
        _ configure: (inout MagnetWorld.Configuration) -> Void = { _ in }
    ) -> [Double] {
        var trips: [Double] = []
        for seed in seeds {
            var configuration = MagnetWorld.Configuration()
            configure(&configuration)
            var world = MagnetWorld(content, configuration, seed: seed)
            world.run(for: .seconds(60)) { $0.firstBlock != nil }
            let taken = world.roundTrips(world.newcomers[0], to: \.firstBlock)
            #expect(taken != nil, "seed \(seed)")
            trips.append(taken ?? .infinity)
        }
        return trips.sorted()
    }

    @Test(
        "with 5 % liars the first byte of content comes within six round trips of the first peer",
        arguments: [
            (Metainfo.Version.v1, 0), (.v1, 60_000), (.v1, 500_000), (.v2, 0), (.hybrid, 0),
        ])
    func firstByte(_ version: Metainfo.Version, _ infoBytes: Int) throws {
        let content = try SwarmContent(
            pieceCount: 600, version: version, infoByteCount: infoBytes)
        let trips = firstBytes(content, seeds: 1...8)
        print(
            "first byte, \(version) with \(content.metainfo.infoBytes.count) bytes of metadata:",
            "median \(trips[trips.count / 2]), most \(trips[trips.count - 1]) round trips")
        #expect(trips.allSatisfy { $0 <= 6 })
    }

    @Test(arguments: [Metainfo.Version.v1, .v2, .hybrid])
    func magnetsCompleteAmongHonestPeersAndLiars(_ version: Metainfo.Version) throws {
        let content = try SwarmContent(
            pieceCount: 20, version: version, infoByteCount: 90_000)
        for seed in 1...3 as ClosedRange<UInt64> {
            var configuration = MagnetWorld.Configuration()
            configuration.seeds = 40
            configuration.magnets = 8
            configuration.peersEach = 25
            configuration.isSpread = true
            var world = MagnetWorld(content, configuration, seed: seed)
            world.run(for: .minutes(10)) { $0.finished != nil }
            for host in world.newcomers {
                #expect(world.moments(of: host).finished != nil, "seed \(seed), \(host)")
            }
        }
    }

    @Test func magnetsCompleteWhereMostLie() throws {
        let content = try SwarmContent(pieceCount: 10, version: .v2)
        for seed in 1...3 as ClosedRange<UInt64> {
            var configuration = MagnetWorld.Configuration()
            configuration.seeds = 30
            configuration.liarShare = 0.6
            configuration.peersEach = 30
            var world = MagnetWorld(content, configuration, seed: seed)
            world.run(for: .minutes(20)) { $0.finished != nil }
            #expect(world.moments(of: world.newcomers[0]).finished != nil, "seed \(seed)")
        }
    }

    @Test func theSameSeedGivesTheSameTrace() throws {
        let content = try SwarmContent(pieceCount: 10, infoByteCount: 50_000)
        func trace(_ seed: UInt64) -> String {
            var configuration = MagnetWorld.Configuration()
            configuration.magnets = 3
            var world = MagnetWorld(content, configuration, seed: seed)
            world.run(for: .minutes(1)) { $0.finished != nil }
            return "\(world.simulation.trace)"
        }
        #expect(trace(1) == trace(1))
        #expect(trace(1) != trace(2))
    }
}
