import Units

/// The bounds of the command line.
enum Limits {
    /// Bytes of a `.torrent` that are read; as many as a manifest may have, and one read more tells
    /// that there are too many.
    static let manifestBytesMax = 10_000_000

    /// Connections of one torrent that may be asked for; a process has descriptors for no more.
    static let peersMax = 10_000

    /// Remarks of trackers that are remembered so as not to be repeated.
    static let remarksMax = 1_000

    /// How long a command waits for the DHT of the other address family, once one is there.
    static let otherFamilyWait = Interval.seconds(1)

    /// Bytes of a mutable item's salt (BEP 44).
    static let saltBytesMax = 64
}
