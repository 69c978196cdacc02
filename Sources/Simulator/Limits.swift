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
    /// Lines of a scenario: it is written by hand, and read by people.
    static let scenarioLinesMax = 200
    /// Hosts of a scenario. A whole DHT node takes some 40 kilobytes with its table.
    static let scenarioNodesMax = 1_000_000
    /// Lookups of a scenario, and keys.
    static let scenarioLookupsMax = 1_000_000
    /// The longest virtual time that a scenario may ask for.
    static let scenarioSpanMax = Interval.minutes(60 * 24 * 7)
    /// What liars remember of whom they told what; they begin anew then.
    static let liarPartsMax = 1_000_000
    /// Events of lookups whose handle is not known yet: those of one turn of one node.
    static let earlyEventsMax = 10_000
    /// Queries under way of one node: eight lookups at their widest, and what keeps the table.
    static let openQueriesMax = 256
    /// Lookups that fell short whose steps are told; nobody reads more.
    static let talesMax = 10
    /// Nodes of an overlay comparison: four times the million that is asked for. The tables of each
    /// take some kilobytes.
    static let overlayNodeCountMax = 4_000_000
    static let overlayLookupCountMax = 1_000_000
}
