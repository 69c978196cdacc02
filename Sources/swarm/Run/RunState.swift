import Terminal
import Units

/// When a command that runs torrents is over, and how it ends. Time is an argument.
struct RunState: Sendable {
    struct Policy: Equatable, Sendable {
        /// Whether torrents are seeded once they are whole.
        var seeds: Bool
        var goal = SeedGoal()
        /// How long downloads may stand still.
        var stallTimeout: Interval?
    }

    enum Phase: Equatable, Sendable {
        /// What is there is being looked for and checked.
        case starting
        /// Nothing but its hash is known.
        case fetchingMetadata
        case downloading
        case seeding(since: Instant)
        /// Whole, and of no more concern here.
        case left
        case failed(ExitStatus)
    }

    /// What a torrent has done so far.
    struct Numbers: Equatable, Sendable {
        /// Bytes that came, verified or not: they move while a download does.
        var bytesReceived: Int64
        var ratio: Double
    }

    private(set) var phases: [Phase]
    /// Commands of `--on-complete` that have not ended.
    private(set) var hooksRunning = 0
    private(set) var hookFailed = false
    private let policy: Policy
    private var stall: StallClock?

    init(torrents: Int, policy: Policy, now: Instant) {
        self.phases = Array(repeating: .starting, count: torrents)
        self.policy = policy
        self.stall = policy.stallTimeout.map { StallClock(timeout: $0, now: now) }
    }

    // MARK: - What happens

    mutating func isSeekingMetadata(_ torrent: Int) {
        if phases[torrent] == .starting { phases[torrent] = .fetchingMetadata }
    }

    mutating func hasMetadata(_ torrent: Int) {
        if phases[torrent] == .fetchingMetadata { phases[torrent] = .starting }
    }

    mutating func started(_ torrent: Int) {
        if phases[torrent] == .starting { phases[torrent] = .downloading }
    }

    mutating func completed(_ torrent: Int, now: Instant) {
        switch phases[torrent] {
        case .starting, .fetchingMetadata, .downloading:
            phases[torrent] = .seeding(since: now)
        case .seeding, .left, .failed: break
        }
    }

    mutating func failed(_ torrent: Int, _ status: ExitStatus) {
        if case .failed = phases[torrent] { return }
        phases[torrent] = .failed(status)
    }

    mutating func hookStarted() { hooksRunning += 1 }

    mutating func hookEnded(well: Bool) {
        hooksRunning -= 1
        if !well { hookFailed = true }
    }

    /// The torrents that have been seeded enough by now: each is named once.
    mutating func leave(_ numbers: [Numbers], now: Instant) -> [Int] {
        guard policy.seeds else { return [] }
        var leaving: [Int] = []
        for (torrent, phase) in phases.enumerated() {
            guard case .seeding(let since) = phase,
                policy.goal.isReached(ratio: numbers[torrent].ratio, seedingFor: now - since)
            else { continue }
            phases[torrent] = .left
            leaving.append(torrent)
        }
        return leaving
    }

    /// Whether downloads have stood still for too long.
    mutating func isStalled(_ numbers: [Numbers], now: Instant) -> Bool {
        guard stall != nil else { return false }
        let downloading = phases.indices.filter {
            phases[$0] == .downloading || phases[$0] == .fetchingMetadata
        }
        // Nothing is waited for while content is checked, or when all is there.
        guard !downloading.isEmpty, !phases.contains(.starting) else {
            stall?.reset(now: now)
            return false
        }
        let bytes = downloading.reduce(Int64(0)) {
            $0.addingSaturating(numbers[$1].bytesReceived)
        }
        return stall?.isStalled(at: bytes, now: now) ?? false
    }

    // MARK: - The end

    var isUnfinished: Bool {
        phases.contains { [.starting, .fetchingMetadata, .downloading].contains($0) }
    }

    /// How the command ends, once nothing is left to do.
    var outcome: ExitStatus? {
        guard hooksRunning == 0, phases.allSatisfy(isOver) else { return nil }
        for case .failed(let status) in phases { return status }
        return hookFailed ? .failed : .done
    }

    /// How it ends after a signal.
    func outcome(afterSignal number: Int32) -> ExitStatus {
        let status = ExitStatus(signal: number)
        return status == .unfinished && !isUnfinished ? .done : status
    }

    private func isOver(_ phase: Phase) -> Bool {
        switch phase {
        case .starting, .fetchingMetadata, .downloading: false
        case .seeding: !policy.seeds
        case .left, .failed: true
        }
    }
}
