extension Limits {
    // MARK: Log

    /// Lines of the log that are kept for who asks what has just happened.
    static let logLinesKept = 500
    /// Lines that wait for a follower who reads slowly.
    static let logLinesFollowedMax = 500
    static let logFollowersMax = 16
    /// Bytes of a secret that is looked for in what is logged: shorter ones are in any text.
    static let logSecretBytesMin = 6
    /// Bytes of a word in the path of a link that is taken for somebody's key.
    static let logSecretWordBytesMin = 16

    // MARK: Machine

    /// Descriptors beside those of peers: files of torrents, trackers, the API, the store.
    static let descriptorsBesidePeers: Int64 = 1_024
    /// Descriptors that are asked for, if so many are allowed: files and peers of thousands of
    /// torrents.
    static let descriptorsMax = 65_536
    /// Bytes that a UDP socket asks the kernel to keep for it.
    static let datagramBufferBytes: Int64 = 4 << 20
    /// A name that must be found for the DHT to begin.
    static let namesToFind = ["dht.transmissionbt.com"]
    /// Seconds that a name may take.
    static let nameSecondsMax: Int64 = 5
    /// Seconds that a server may take to say what time it is, and seconds that a clock may differ:
    /// trackers and certificates do not mind more.
    static let clockSecondsMax: Int64 = 5
    static let clockSecondsApart: UInt64 = 60

    // MARK: Service

    /// How often the service manager is told how things are.
    static let heartbeat = Duration.seconds(5)
    /// How long after the start the code that only the start needed is kept.
    static let codeKept = Duration.seconds(30)
    /// How long memory that nothing is in is kept.
    static let spareHeapKept = Duration.seconds(60)
    /// Bytes of a line of `/proc/self/maps`, with the longest path that there is.
    static let mapLineBytesMax = 8_192
    /// How long a part may take to answer before the log says that it does not.
    static let secondsToAnswerForReport = 5
    /// How long the model waits for those who speak to it before it ends all the same: a little
    /// longer than answers that are under way have.
    static let answersTimeMax = Duration.milliseconds(2_500)
}
