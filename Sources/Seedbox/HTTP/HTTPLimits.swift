extension Limits {
    // MARK: HTTP

    /// Bytes of a request's body, where the route does not say otherwise: lists of some ten
    /// thousand ids, and nothing that needs more.
    static let bodyBytesMax = 1 << 20
    /// Bytes of a body that holds a manifest: the largest that are about.
    static let manifestBodyBytesMax = 16 << 20
    /// Bytes of all header fields of a request.
    static let headerBytesMax = 8 << 10
    static let headerCountMax = 100
    /// Bytes of a request's path and query.
    static let targetBytesMax = 4 << 10
    /// Seconds from the first to the last byte of a request's head, and until the first comes.
    static let headSecondsMax = 10
    /// Seconds without a byte of a body that is awaited.
    static let bodyStallSecondsMax = 10
    /// Seconds that a connection is kept for a next request.
    static let idleSecondsMax = 75
    /// Connections at a time. One more closes the one that has been idle for the longest.
    static let connectionsMax = 512
    /// Seconds in which a reader takes nothing of what it has asked for.
    static let readerStallSecondsMax = 60
    /// Bytes of an answer that the kernel keeps for a reader, as a hint: it takes up to twice that.
    /// Without, it would keep megabytes for each.
    static let unreadAnswerBytesMax = 128 << 10
    /// Bytes of a refused body that are read so that its sender sees the answer.
    static let refusedBodyBytesMax = 256 << 10
    /// Bytes of all bodies that are being read.
    static let bodiesBytesMax = 128 << 20
    /// Bytes of a stream that its reader has not taken, before it waits for that.
    static let streamPartBytesMax = 64 << 10
    /// Bytes of one torrent in a list, where it is not known: with that much to spare, a part is
    /// written without moving it.
    static let rowBytesUsual = 2 << 10

    /// Threads that answer: they render lists and wait for nothing, and one that renders a long
    /// part does not keep another connection waiting.
    static let httpThreads = 2
    /// The priority of these threads where the system allows one (setrlimit(2), RLIMIT_RTPRIO), the
    /// least there is: an answer is a millisecond of work that somebody waits for. Without it, it
    /// waits for turns of those that hash and copy; and so it would for who holds a lock, to whom a
    /// `Mutex` lends the priority.
    static let httpPriority: UInt32 = 1
    /// Of a hundred parts of the time between two looks, how many a thread may use and keep it:
    /// more than somebody takes who asks for one list of ten thousand after the other, and pauses.
    static let httpPriorityShareMax: Int64 = 75
    static let httpPriorityLookSeconds: Int64 = 1
    /// Where it does not: turns on a processor that are shorter than those of the others, and what
    /// is added to their niceness, if the system allows that (RLIMIT_NICE).
    static let httpTurnNanoseconds: UInt = 100_000
    static let httpNiceness: Int32 = -5
    /// Seconds for answers that are under way when the service stops.
    static let lastAnswersSeconds: Int64 = 2
    /// Foreign names that are told in the log, each once.
    static let refusedHostsMax = 64
    /// Readers of answers that do not end: pages that are open, and a few programs.
    static let subscribersMax = 64

    // MARK: Authority

    /// Wrong passwords or tokens of an address in `failureWindowSeconds`, before it is banned.
    static let failuresMax = 8
    static let failureWindowSeconds: Int64 = 15 * 60
    /// Wrong ones that cost nothing but the answer; each more doubles a wait of a second.
    static let freeFailures = 3
    /// Addresses whose failures are remembered; the one that failed longest ago is forgotten.
    static let failedAddressesMax = 4_096
    /// Bytes of an `Authorization` field: longer ones hold no password of ours.
    static let authorizationBytesMax = 1_024
    /// Passwords that are checked at a time; each takes 32 MiB and a tenth of a second.
    static let passwordChecksMax = 2

    // MARK: API

    /// Rows of one delta or event. More are told faster as a list.
    static let eventRowsMax = 2_000
    /// Seconds between signs of life in an event stream that has nothing to tell.
    static let eventBeatSeconds: Int64 = 15
    /// Ids of one request: ten times the torrents that are meant to be held.
    static let idsMax = 100_000
    /// Peers that one request names.
    static let peersAddedMax = 1_000
    /// Links that are remembered with their secrets left out.
    static let redactedLinksMax = 1_024
}
