import Hashing
import Testing
import Tracker
import Units

/// A schedule with a clock that the test turns, and short words for what goes in and comes out.
struct ScheduleBench {
    var schedule: TrackerSchedule
    var now = Instant.zero + .seconds(1_000_000)
    private var buffer = ActionBuffer<TrackerSchedule.Action>()

    static let v1 = SHA1Digest(hex: String(repeating: "01", count: 20)) ?? .zero
    static let v2 = SHA1Digest(hex: String(repeating: "02", count: 20)) ?? .zero

    /// - Parameter tiers: hosts, such as `["a b", "c"]` for two tiers.
    init(_ tiers: [String], hashes: [SHA1Digest] = [Self.v1], seed: UInt64 = 1) {
        schedule = TrackerSchedule(
            tiers: Self.urls(tiers), infoHashes: hashes, numWant: 40,
            generator: SeededGenerator(seed: seed))
    }

    static func urls(_ tiers: [String]) -> [[TrackerURL]] {
        tiers.map { tier in
            tier.split(separator: " ").compactMap { try? TrackerURL("http://\($0)/announce") }
        }
    }

    mutating func handle(_ input: TrackerSchedule.Input) -> [TrackerSchedule.Action] {
        schedule.handle(input, now: now, into: &buffer)
        return buffer.take()
    }

    mutating func start(isComplete: Bool = false) -> [TrackerSchedule.Announce] {
        announces(in: handle(.start(isComplete: isComplete, spread: .zero)))
    }

    mutating func announces(_ input: TrackerSchedule.Input) -> [TrackerSchedule.Announce] {
        announces(in: handle(input))
    }

    mutating func answer(
        _ announce: TrackerSchedule.Announce, interval: Int64 = 1800, min: Int64? = nil
    ) -> [TrackerSchedule.Announce] {
        let response = AnnounceResponse(
            interval: .seconds(interval), minInterval: min.map { .seconds($0) })
        return announces(.announced(announce.attempt, response))
    }

    mutating func fail(
        _ announce: TrackerSchedule.Announce, _ error: TrackerError = .timedOut
    ) -> [TrackerSchedule.Announce] {
        announces(.failed(announce.attempt, error))
    }

    /// Lets time pass until the next deadline, and says what happens then.
    mutating func wait() -> [TrackerSchedule.Announce] {
        guard let (at, _) = schedule.nextDeadline() else { return [] }
        now = max(now, at)
        return announces(.tick)
    }

    mutating func pass(_ seconds: Int64) -> [TrackerSchedule.Announce] {
        now = now + .seconds(seconds)
        return announces(.tick)
    }

    /// Seconds from now until the next deadline.
    var secondsLeft: Double? { schedule.nextDeadline().map { ($0.0 - now).seconds } }

    func announces(in actions: [TrackerSchedule.Action]) -> [TrackerSchedule.Announce] {
        actions.compactMap { if case .announce(let announce) = $0 { announce } else { nil } }
    }

    func status(of host: String) -> TrackerStatus? {
        schedule.status.first { $0.url.host == host }
    }
}

/// What a list of announces says, such as `a:started b`.
func words(_ announces: [TrackerSchedule.Announce]) -> String {
    announces.map { announce in
        announce.event == .none ? announce.url.host : "\(announce.url.host):\(announce.event)"
    }
    .joined(separator: " ")
}
