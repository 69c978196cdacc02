import ArgumentParser
import Discovery
import FoundationEssentials
import Hashing
import Kademlia
import Terminal
import Units

/// How to reach the DHT: for the commands of `dht`.
struct DHTOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The local IP address to send from; all addresses unless given.",
            valueName: "address"),
        transform: parseAddress)
    var bind: String?

    @Option(
        help: ArgumentHelp(
            "A node to begin with, instead of those that are known to all; repeatable.",
            valueName: "host:port"),
        transform: HostPort.init(_:))
    var dhtBootstrap: [HostPort] = []

    @Option(
        help: ArgumentHelp(
            "A node to begin with, beside the others; repeatable. Most peers are nodes, at the "
                + "same port.", valueName: "host:port"),
        transform: HostPort.init(_:))
    var peer: [HostPort] = []

    @OptionGroup
    var encryption: EncryptionOptions

    /// The node that these options ask for, without a place for its state.
    var configuration: DHTDriver.Configuration {
        var configuration = DHTDriver.Configuration()
        if !dhtBootstrap.isEmpty {
            configuration.bootstrapNodes = dhtBootstrap.map {
                DHTPlace(host: $0.host, port: $0.port)
            }
        }
        // Those that are named come first: no more than some are asked.
        let named = peer.map { DHTPlace(host: $0.host, port: $0.port) }
        configuration.bootstrapNodes = named + configuration.bootstrapNodes
        return configuration
    }

}

extension PlaceOptions {
    /// The file of the DHT's table.
    func tableFile() throws(Failure) -> String {
        let folder = try stateFolder(environment: ProcessInfo.processInfo.environment)
        return DHTDriver.Configuration.stateFile(in: folder)
    }
}

/// For commands that ask the DHT one thing and leave.
struct DHTQueryOptions: ParsableArguments {
    @OptionGroup(title: "Network")
    var network: DHTOptions

    @Option(help: ArgumentHelp("The UDP port to send from; 0 takes any.", valueName: "n"))
    var port: UInt16 = 0

    @Option(
        help: ArgumentHelp(
            "Give up, with status 9, when no node answered for so long; 15s unless given.",
            valueName: "duration"),
        transform: parseInterval)
    var timeout = Interval.seconds(15)

    @Flag(help: "Show every step.")
    var trace = false

    @OptionGroup(title: "Common options")
    var common: GlobalOptions
}

/// 40 hexadecimal digits: a node's id, or where an item is.
func parseNodeID(_ text: String) throws(ValueFault) -> NodeID {
    guard let id = NodeID(hex: text) else { throw .notAnID }
    return id
}

/// An info-hash as the DHT knows it: that of v1, or that of v2 cut to 20 bytes.
func parseInfoHash(_ text: String) throws(ValueFault) -> SHA1Digest {
    if let digest = SHA1Digest(hex: text) { return digest }
    guard let digest = SHA256Digest(hex: text) else { throw .notAnInfoHash }
    return digest.truncated
}

func parsePublicKey(_ text: String) throws(ValueFault) -> Ed25519PublicKey {
    guard let key = Ed25519PublicKey(hex: text) else { throw .notAKey }
    return key
}

func parsePort(_ text: String) throws(ValueFault) -> UInt16 {
    guard let port = UInt16(text), port > 0 else { throw .badPort(text) }
    return port
}
