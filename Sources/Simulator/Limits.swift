import Units

/// The bounds of this room. A simulation that runs away must end with a reason, not with the
/// machine's memory.
enum Limits {
    /// Hosts in one simulation: a million, with room for their dead, is the largest anybody runs.
    static let hostsMax = 4_000_000
    /// Bytes of a datagram: what fits an Ethernet frame, and what every receiver here accepts.
    static let datagramByteCountMax = 1_500
    /// Longest queue in front of a host's uplink; a datagram that would wait longer is dropped, as
    /// by a modem.
    static let uplinkQueueMax = Interval.seconds(1)
    /// Mappings of one NAT: a home router's table. The oldest is forgotten first.
    static let mappingsPerNATMax = 4_096
    /// Streams open at once over all hosts.
    static let streamsMax = 1_000_000
    /// Broken invariants that are kept; the first is what matters.
    static let violationsMax = 64

    /// Nodes of an overlay comparison: four times the million that is asked for. The tables of each
    /// take some kilobytes.
    static let overlayNodeCountMax = 4_000_000
    static let overlayLookupCountMax = 1_000_000
}
