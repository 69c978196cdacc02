import ArgumentParser
import Terminal
import Units

/// How to reach peers: for `seed` and `fetch`.
struct NetworkOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The port to accept peers at; 0 takes any.", valueName: "n"))
    var port: UInt16 = 0

    @Option(
        help: ArgumentHelp(
            "The local IP address to accept peers at and to dial from.", valueName: "address"),
        transform: parseAddress)
    var bind: String?

    @Option(
        help: ArgumentHelp("A peer to dial; repeatable.", valueName: "host:port"),
        transform: HostPort.init(_:))
    var peer: [HostPort] = []

    @Option(
        help: ArgumentHelp(
            "The most connections of one torrent; 200 unless given.", valueName: "n"),
        transform: parsePeerCount)
    var maxPeers = 200

    @Option(
        help: ArgumentHelp("The most to send in a second; 0 is no limit.", valueName: "rate"),
        transform: RateLimit.init(_:))
    var upLimit = RateLimit.none

    @Option(
        help: ArgumentHelp("The most to receive in a second; 0 is no limit.", valueName: "rate"),
        transform: RateLimit.init(_:))
    var downLimit = RateLimit.none

    @OptionGroup
    var without: WithoutOptions

    @Option(
        help: ArgumentHelp(
            "A node of the DHT to ask for the way in, instead of those that anybody may ask; "
                + "repeatable. If all are local addresses, links and nodes may name local peers.",
            valueName: "host:port"),
        transform: HostPort.init(_:))
    var dhtBootstrap: [HostPort] = []
}

/// Ways to find and to reach peers that are not to be gone.
struct WithoutOptions: ParsableArguments {
    @Flag(name: .customLong("no-trackers"), help: "Do not ask trackers for peers.")
    var noTrackers = false

    @Flag(
        name: .customLong("no-dht"),
        help: "Do not look for peers in the DHT, and be no node of it.")
    var noDHT = false

    @Flag(
        name: .customLong("no-lsd"),
        help: "Do not look for peers on the local network.")
    var noLSD = false

    @Flag(
        name: .customLong("no-pex"),
        help: "Do not tell peers of peers, or heed what they tell.")
    var noPEX = false

    @Flag(name: .customLong("no-utp"), help: "Use TCP only. This version has no other.")
    var noUTP = false

    @OptionGroup
    var encryption: EncryptionOptions
}

/// Taken where what is asked for is what is done anyway, and refused where it is not.
struct EncryptionOptions: ParsableArguments {
    enum Choice: Equatable, Sendable {
        case prefer
        case off

        init(_ text: String) throws(ValidationError) {
            switch text.lowercased() {
            case "prefer": self = .prefer
            case "off": self = .off
            case "require":
                throw ValidationError(
                    "this version has no encryption, so it cannot require it; write prefer or off")
            default: throw ValidationError("write prefer or off")
            }
        }
    }

    @Option(
        help: ArgumentHelp(
            "Whether to encrypt what is said to peers: prefer or off. This version has no "
                + "encryption, so both are off, and require is refused.", valueName: "when"),
        completion: .list(["prefer", "off"]), transform: Choice.init(_:))
    var encryption = Choice.off
}

/// A rate, or none.
struct RateLimit: Equatable, Sendable, CustomStringConvertible {
    var rate: ByteRate?

    static let none = RateLimit(rate: nil)

    private init(rate: ByteRate?) { self.rate = rate }

    init(_ text: String) throws(ValueFault) { self.rate = try parseRate(text) }

    var description: String { rate.map(rateText) ?? "none" }
}

func parseAddress(_ text: String) throws(ValueFault) -> String {
    guard Endpoint(addressText: text, port: 0) != nil else { throw .notAnIPAddress }
    return text
}

private func parsePeerCount(_ text: String) throws(ValueFault) -> Int {
    guard let count = Int(text), (1...Limits.peersMax).contains(count) else { throw .outOfRange }
    return count
}
