import Discovery
import Kademlia

/// How a session is connected to others.
public struct SessionNetwork: Hashable, Sendable {
    /// Connections that others have opened, and in which they asked for a torrent of ours.
    public var incomingConnections: Int64 = 0
    /// Nodes in the DHT's routing tables; nil if it takes no part.
    public var dhtNodesIPv4: Int?
    public var dhtNodesIPv6: Int?

    public init() {}
}

extension Session {
    public nonisolated func network() async -> SessionNetwork {
        var network = SessionNetwork()
        network.incomingConnections = services.reception.welcomeCount
        if let counts = await services.dht?.status.nodeCounts {
            network.dhtNodesIPv4 = counts[.ipv4] ?? 0
            network.dhtNodesIPv6 = counts[.ipv6] ?? 0
        }
        return network
    }
}
