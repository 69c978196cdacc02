public import Units

/// Keeps one source from taking what is there for all, and us from being a weapon against another
/// whose address somebody forges.
///
/// - A source that asks too often is not answered, and one that goes on is not heard for a while.
/// - To an address that has not proven that it hears us go, over any ten seconds, at most three
///   times the bytes that came from it, and a small allowance.
/// - All answers together stay below a rate, half of which is there for the proven only, and of
///   which one source gets a sixteenth.
///
/// Only queries come here: an answer to what we asked is known by its transaction, and is welcome
/// from anybody. Sources are IPv4 addresses and IPv6 networks of 64 bits, but within a machine or a
/// local network each endpoint, as there whole DHTs live behind one address.
public struct SourceGuard: Sendable {
    public struct Configuration: Hashable, Sendable {
        /// Nothing is limited. For measuring, and where nobody else can send.
        public var isOff: Bool
        /// All answers; `nil` for no limit.
        public var replyRateMax: ByteRate?

        /// What any line can spare.
        public static let usualReplyRate = Limits.replyRate

        public init(isOff: Bool = false, replyRateMax: ByteRate? = usualReplyRate) {
            self.isOff = isOff
            self.replyRateMax = replyRateMax
        }
    }

    /// Why queries stayed without an answer, since the beginning.
    public struct Counters: Hashable, Sendable {
        /// Queries of a source that asked too often.
        public internal(set) var tooOften = 0
        /// Queries of a source that is not heard.
        public internal(set) var blocked = 0
        /// Sources that were blocked.
        public internal(set) var blocks = 0
        /// Answers that were held back, or cut, for the rate of all.
        public internal(set) var overRate = 0
        /// Our own queries that an unproven address was spared.
        public internal(set) var spared = 0

        public init() {}
    }

    private struct Source: Sendable {
        var queries: Bucket
        var allowance: Bucket
        /// Its share of the rate of all answers.
        var replies: Bucket
        /// Queries that were too many since `excessSince`.
        var excess = 0
        var excessSince: Instant
    }

    public let configuration: Configuration
    public private(set) var counters = Counters()
    private var sources = RecencyMap<Endpoint, Source>()
    /// Until when a source is not heard.
    private var blocks = RecencyMap<Endpoint, Instant>()
    /// Until when an address counts as proven.
    private var proofs = RecencyMap<Endpoint, Instant>()
    private var replies: Bucket
    /// What one source may have of `replies`, at once and a second.
    private let share: ByteRate

    public init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
        let rate = configuration.replyRateMax?.bytesPerSecond ?? 0
        let twoAnswers = Int64(Limits.sentByteCountMax) * 2
        self.replies = Bucket(capacity: max(rate, twoAnswers))
        self.share = ByteRate(bytesPerSecond: rate / Limits.sourceShareDivisor)
    }

    /// A query of `byteCount` bytes has come: how many bytes its answer may have, which may be too
    /// few for any; `nil` if it is to be forgotten.
    public mutating func admit(_ byteCount: Int, from endpoint: Endpoint, now: Instant) -> Int? {
        guard !configuration.isOff else { return Limits.sentByteCountMax }
        let key = Self.key(of: endpoint)
        if isBlocked(key, now: now) {
            counters.blocked += 1
            return nil
        }
        var source = sources[key] ?? newSource(now)
        let isAdmitted = source.queries.take(1, rate: Limits.sourceQueryRate, now: now)
        if !isAdmitted { count(&source, key, now: now) }
        let allowance = source.allowance.level(rate: Limits.unprovenAllowanceRate, now: now)
        let shareLevel = source.replies.level(rate: share, now: now)
        store(source, key)
        guard isAdmitted else {
            counters.tooOften += 1
            return nil
        }
        let isProven = isProven(endpoint, now: now)
        let fair =
            isProven
            ? Limits.sentByteCountMax
            : Limits.amplificationMax * max(0, byteCount) + Int(allowance)
        let size = min(fair, Limits.sentByteCountMax)
        guard configuration.replyRateMax != nil else { return size }
        let room = min(replyRoom(isProven: isProven, now: now), Int(shareLevel))
        if room < size { counters.overRate += 1 }
        return min(size, room)
    }

    /// An answer of `byteCount` bytes to an admitted query of `queryByteCount` goes out.
    public mutating func answered(
        _ byteCount: Int, to endpoint: Endpoint, query queryByteCount: Int, now: Instant
    ) {
        guard !configuration.isOff else { return }
        let rate = configuration.replyRateMax
        if let rate { _ = replies.take(Int64(byteCount), rate: rate, now: now) }
        let excess = byteCount - Limits.amplificationMax * queryByteCount
        let isCharged = excess > 0 && !isProven(endpoint, now: now)
        guard isCharged || rate != nil else { return }
        let share = share
        sources.update(Self.key(of: endpoint)) { source in
            if rate != nil { _ = source.replies.take(Int64(byteCount), rate: share, now: now) }
            guard isCharged else { return }
            _ = source.allowance.take(
                Int64(excess), rate: Limits.unprovenAllowanceRate, now: now)
        }
    }

    /// Whether a query of our own of `byteCount` bytes may go to `endpoint`, and if so takes it out
    /// of what an unproven address is allowed.
    public mutating func allowsQuery(
        _ byteCount: Int, to endpoint: Endpoint, now: Instant
    ) -> Bool {
        guard !configuration.isOff, !isProven(endpoint, now: now) else { return true }
        let key = Self.key(of: endpoint)
        var source = sources[key] ?? newSource(now)
        let isAllowed = source.allowance.take(
            Int64(byteCount), rate: Limits.unprovenAllowanceRate, now: now)
        store(source, key)
        if !isAllowed { counters.spared += 1 }
        return isAllowed
    }

    /// The address has shown that it hears what we send: with the transaction of our query, or with
    /// a token of ours.
    public mutating func proved(_ endpoint: Endpoint, now: Instant) {
        guard !configuration.isOff else { return }
        if proofs.count >= Limits.provenSourcesMax, !proofs.contains(endpoint.address),
            let oldest = proofs.oldestEntry
        {
            proofs.remove(oldest.key)
        }
        proofs.insert(now + Limits.proofLife, for: endpoint.address)
    }

    public func isProven(_ endpoint: Endpoint, now: Instant) -> Bool {
        guard let end = proofs[endpoint.address] else { return false }
        return now < end
    }

    // MARK: - One source

    private static func key(of endpoint: Endpoint) -> Endpoint {
        if endpoint.isLocal { return endpoint }
        if endpoint.isIPv4 { return endpoint.address }
        return Endpoint(ipv6High: endpoint.high, low: 0, port: 0)
    }

    private func newSource(_ now: Instant) -> Source {
        Source(
            queries: Bucket(capacity: Limits.sourceQueryBurst, now: now),
            allowance: Bucket(capacity: Limits.unprovenAllowanceByteCount, now: now),
            replies: Bucket(
                capacity: max(share.bytesPerSecond, Int64(Limits.sentByteCountMax) * 2), now: now),
            excessSince: now)
    }

    private mutating func store(_ source: Source, _ key: Endpoint) {
        if sources.count >= Limits.sourcesMax, !sources.contains(key),
            let oldest = sources.oldestEntry
        {
            sources.remove(oldest.key)
        }
        sources.insert(source, for: key)
    }

    private mutating func count(_ source: inout Source, _ key: Endpoint, now: Instant) {
        if now - source.excessSince > Limits.floodPeriod {
            source.excess = 0
            source.excessSince = now
        }
        source.excess += 1
        guard source.excess >= Limits.floodQueryCount else { return }
        source.excess = 0
        if blocks.count >= Limits.blockedSourcesMax, let oldest = blocks.oldestEntry {
            blocks.remove(oldest.key)
        }
        blocks.insert(now + Limits.blockTime, for: key)
        counters.blocks += 1
    }

    private mutating func isBlocked(_ key: Endpoint, now: Instant) -> Bool {
        guard !blocks.isEmpty, let end = blocks[key] else { return false }
        if now < end { return true }
        blocks.remove(key)
        return false
    }

    // MARK: - All

    private mutating func replyRoom(isProven: Bool, now: Instant) -> Int {
        guard let rate = configuration.replyRateMax else { return Limits.sentByteCountMax }
        let level = replies.level(rate: rate, now: now)
        return Int(isProven ? level : max(0, level - replies.capacity / 2))
    }
}

/// A bucket that fills at a rate, and from which is taken what it holds.
struct Bucket: Sendable {
    let capacity: Int64
    private var held: Int64
    private var since: Instant

    init(capacity: Int64, now: Instant = .distantPast) {
        self.capacity = capacity
        self.held = capacity
        self.since = now
    }

    /// What it holds.
    mutating func level(rate: ByteRate, now: Instant) -> Int64 {
        fill(rate, now)
        return held
    }

    /// Takes `amount` if it holds that much.
    mutating func take(_ amount: Int64, rate: ByteRate, now: Instant) -> Bool {
        fill(rate, now)
        guard amount <= held else { return false }
        held -= amount
        return true
    }

    /// What does not make a whole unit yet stays in the time.
    private mutating func fill(_ rate: ByteRate, _ now: Instant) {
        guard now > since else { return }
        let gained = rate.bytes(in: now - since)
        guard gained > 0 else { return }
        if gained >= capacity - held {
            held = capacity
            since = now
        } else {
            held += gained
            since = since + (rate.time(for: gained) ?? .zero)
        }
    }
}
