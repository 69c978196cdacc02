import JSONText

extension RPCArguments {
    func priority() throws(RPCFailure) -> FilePriority? {
        guard let value = try integer("bandwidth_priority", in: -1...1) else { return nil }
        return FilePriority(rawValue: Int(value))
    }

    /// Which files are wanted, and how much, of a torrent with that many.
    func fileChoice(
        of count: Int
    ) throws(RPCFailure) -> (wanted: [Int: Bool], priorities: [Int: FilePriority]) {
        var wanted: [Int: Bool] = [:]
        var priorities: [Int: FilePriority] = [:]
        // What is both wanted and not is not, as Transmission takes them in this order.
        for index in try files("files_wanted", of: count) ?? [] { wanted[index] = true }
        for index in try files("files_unwanted", of: count) ?? [] { wanted[index] = false }
        for index in try files("priority_low", of: count) ?? [] { priorities[index] = .low }
        for index in try files("priority_normal", of: count) ?? [] { priorities[index] = .normal }
        for index in try files("priority_high", of: count) ?? [] { priorities[index] = .high }
        return (wanted, priorities)
    }

    /// A limit is a value and whether it holds; what is not said stays.
    func limit(_ direction: String, now: Int64?) throws(RPCFailure) -> Int64?? {
        let value = try rate("\(direction)_limit")
        let holds = try flag("\(direction)_limited")
        guard value != nil || holds != nil else { return nil }
        guard holds ?? (now != nil) else { return .some(nil) }
        return value ?? now ?? TorrentDefaults.kilobytesShown * 1000
    }

    func seedingLimits(now: SeedingLimits) throws(RPCFailure) -> SeedingLimits? {
        let names = ["seed_ratio_limit", "seed_ratio_mode", "seed_idle_limit", "seed_idle_mode"]
        guard names.contains(where: { self[$0] != nil }) else { return nil }
        var limits = now
        let ratio = try number("seed_ratio_limit")
        limits.ratio = try rule(
            "seed_ratio_mode", ratio, now: now.ratio, shown: TorrentDefaults.ratioShown)
        let minutes = try integer("seed_idle_limit", in: 0...Int64(Int32.max))
        limits.idle = try rule(
            "seed_idle_mode", minutes.map { $0 * 60 }, now: now.idle,
            shown: TorrentDefaults.idleMinutesShown * 60)
        return limits
    }

    private func rule<Value>(
        _ name: String, _ value: Value?, now: SeedingLimits.Rule<Value>, shown: Value
    ) throws(RPCFailure) -> SeedingLimits.Rule<Value> {
        switch try integer(name, in: 0...2) ?? Int64(now.mode) {
        case 0: return .inherited
        case 1:
            if let value { return .atMost(value) }
            if case .atMost = now { return now }
            return .atMost(shown)
        default: return .unlimited
        }
    }

    /// `[id, url, id, url]`.
    func trackerReplacements() throws(RPCFailure) -> [(Int, String)] {
        guard let elements = self["tracker_replace"]?.elements else { return [] }
        var pairs: [(Int, String)] = []
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard let id = elements[index].integer.flatMap({ Int(exactly: $0) }),
                index + 1 < elements.count, let url = elements[index + 1].string
            else { throw .bad("tracker_replace", "is to be numbers and URLs by turns") }
            pairs.append((id, url))
        }
        return pairs
    }
}
