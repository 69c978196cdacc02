import Metainfo
import PeerWire
public import Units

/// A swarm that has a torrent, and clients that come knowing nothing but its hash and some peers.
public struct MagnetWorld {
    public struct Configuration: Sendable {
        public var seeds = 20
        public var magnets = 1
        /// Of the seeds, those that mean no good, in all ways that there are.
        public var liarShare = 0.05
        /// How many of the seeds each newcomer hears of.
        public var peersEach = 20
        public var roundTrip = Interval.milliseconds(50)
        /// Whether some pairs are nearer than others.
        public var isSpread = false
        /// What each host can send.
        public var uplink: ByteRate? = ByteRate(bytesPerSecond: 10_000_000)

        public init() {}
    }

    public private(set) var simulation: Simulation<SwarmClient>
    public let configuration: Configuration
    /// Those who came with nothing but the hash.
    public let newcomers: [HostIndex]

    public init(_ content: SwarmContent, _ configuration: Configuration, seed: UInt64) {
        self.configuration = configuration
        var conditions = NetworkConditions(roundTrip: configuration.roundTrip)
        conditions.isSpread = configuration.isSpread
        var simulation = Simulation<SwarmClient>(conditions: conditions, seed: seed)
        var generator = SeededGenerator(seed: seed ^ 0x6D61_676E)
        let profile = HostProfile(uplink: configuration.uplink)
        var endpoints: [Endpoint] = []
        let liars = Self.liars(configuration, using: &generator)
        for number in 0..<configuration.seeds {
            let endpoint = simulation.unusedEndpoint()
            endpoints.append(endpoint)
            let client = SwarmClient(
                content, hasContent: true, malice: liars[number],
                ourID: .make(prefix: "-SW0100-", using: &generator), seed: generator.next())
            simulation.add(client, at: endpoint, profile: profile)
        }
        var newcomers: [HostIndex] = []
        for _ in 0..<configuration.magnets {
            endpoints.shuffle(using: &generator)
            let client = SwarmClient(
                content, hasContent: false,
                peers: Array(endpoints.prefix(configuration.peersEach)),
                ourID: .make(prefix: "-SW0100-", using: &generator), seed: generator.next())
            newcomers.append(
                simulation.add(client, at: simulation.unusedEndpoint(), profile: profile))
        }
        self.simulation = simulation
        self.newcomers = newcomers
    }

    /// At least one wherever there are to be any.
    private static func liars(
        _ configuration: Configuration, using generator: inout SeededGenerator
    ) -> [Int: SwarmClient.Malice] {
        guard configuration.liarShare > 0 else { return [:] }
        let count = max(1, Int((Double(configuration.seeds) * configuration.liarShare).rounded()))
        var numbers = Array(0..<configuration.seeds)
        numbers.shuffle(using: &generator)
        var kinds = SwarmClient.Malice.allCases
        kinds.shuffle(using: &generator)
        var liars: [Int: SwarmClient.Malice] = [:]
        for (turn, number) in numbers.prefix(count).enumerated() {
            liars[number] = kinds[turn % kinds.count]
        }
        return liars
    }

    /// Runs until all newcomers have what `isDone` says, or for `limit`.
    public mutating func run(
        for limit: Interval, until isDone: (SwarmClient.Moments) -> Bool
    ) {
        let end = simulation.now + limit
        while simulation.now < end {
            _ = simulation.run(until: simulation.now + .milliseconds(5))
            if newcomers.allSatisfy({ isDone(simulation[$0].moments) }) { return }
        }
    }

    public func moments(of host: HostIndex) -> SwarmClient.Moments { simulation[host].moments }

    /// How many round trips after the first peer was known.
    public func roundTrips(
        _ host: HostIndex, to moment: KeyPath<SwarmClient.Moments, Instant?>
    ) -> Double? {
        let moments = simulation[host].moments
        guard let start = moments.started, let end = moments[keyPath: moment] else { return nil }
        return (end - start).seconds / configuration.roundTrip.seconds
    }
}
