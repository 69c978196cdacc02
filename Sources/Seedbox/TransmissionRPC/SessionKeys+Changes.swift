import JSONText
import Units

extension SessionKeys {
    func settings(
        after arguments: RPCArguments, from old: Settings
    ) throws(RPCFailure) -> Settings {
        var new = old
        let arguments = try changes(arguments)
        try takeNetwork(arguments, into: &new.network)
        try takeRates(arguments, into: &new.limits)
        try takeQueue(arguments, into: &new.queue)
        try takeSeeding(arguments, into: &new.seeding)
        if let folder = try arguments.path("download_dir") { new.storage.downloadFolder = folder }
        if let starts = try arguments.flag("start_added_torrents") {
            new.adding.startsPaused = !starts
        }
        return new
    }

    /// What is to be otherwise than it is. Of a value that does not hold now, such as that of a
    /// limit that is off, something is shown all the same: to send that back asks for nothing.
    private func changes(_ arguments: RPCArguments) throws(RPCFailure) -> RPCArguments {
        var changes = arguments
        for (name, value) in all {
            let plain = Spelling.plain(name)
            guard let given = arguments[plain] else { continue }
            if given == value || given.number == value.number && value.number != nil {
                changes.drop(plain)
            } else if !Self.changeable.contains(plain) {
                throw .bad(name, "cannot be changed here")
            }
        }
        return changes
    }

    private static let changeable: Set<String> = [
        "peer_port", "peer_limit_global", "peer_limit_per_torrent", "dht_enabled", "lpd_enabled",
        "pex_enabled", "speed_limit_down", "speed_limit_down_enabled", "speed_limit_up",
        "speed_limit_up_enabled", "alt_speed_down", "alt_speed_up", "alt_speed_enabled",
        "alt_speed_time_enabled", "alt_speed_time_begin", "alt_speed_time_end",
        "alt_speed_time_day", "download_queue_enabled", "download_queue_size",
        "seed_queue_enabled", "seed_queue_size", "queue_stalled_enabled",
        "queue_stalled_minutes", "seed_ratio_limit", "seed_ratio_limited",
        "idle_seeding_limit", "idle_seeding_limit_enabled", "download_dir",
        "start_added_torrents",
    ]

    private func takeNetwork(
        _ arguments: RPCArguments, into network: inout Settings.Network
    ) throws(RPCFailure) {
        if let port = try arguments.integer("peer_port", in: 0...65_535) {
            network.port = UInt16(port)
        }
        if let peers = try arguments.integer("peer_limit_global", in: 1...Int64(Int32.max)) {
            network.maxPeers = Int(peers)
        }
        if let peers = try arguments.integer("peer_limit_per_torrent", in: 1...Int64(Int32.max)) {
            network.maxPeersPerTorrent = Int(peers)
        }
        network.usesDHT = try arguments.flag("dht_enabled") ?? network.usesDHT
        network.usesLSD = try arguments.flag("lpd_enabled") ?? network.usesLSD
        network.usesPEX = try arguments.flag("pex_enabled") ?? network.usesPEX
    }

    private func takeRates(
        _ arguments: RPCArguments, into limits: inout Settings.Rates
    ) throws(RPCFailure) {
        limits.down = try arguments.rateLimit("speed_limit_down", now: limits.down)
        limits.up = try arguments.rateLimit("speed_limit_up", now: limits.up)
        // These have no switch of their own: they hold while the alternative does.
        if let rate = try arguments.rate("alt_speed_down") {
            limits.alternativeDown = ByteRate(bytesPerSecond: rate)
        }
        if let rate = try arguments.rate("alt_speed_up") {
            limits.alternativeUp = ByteRate(bytesPerSecond: rate)
        }
        if let isOn = try arguments.flag("alt_speed_enabled") {
            limits.alternativeIsOn = isOn
            // What is switched on has to be what was shown.
            if isOn {
                let shown = ByteRate(bytesPerSecond: TorrentDefaults.kilobytesShown * 1000)
                limits.alternativeDown = limits.alternativeDown ?? shown
                limits.alternativeUp = limits.alternativeUp ?? shown
            }
        }
        try takeSchedule(arguments, into: &limits.schedule)
    }

    private func takeSchedule(
        _ arguments: RPCArguments, into schedule: inout WeekSchedule
    ) throws(RPCFailure) {
        let minutes: ClosedRange<Int64> = 0...Int64(WeekSchedule.minutesOfDay - 1)
        let shown = Self.shownSpan(of: schedule)
        var span = shown
        if let from = try arguments.integer("alt_speed_time_begin", in: minutes) {
            span.from = Int(from)
        }
        if let until = try arguments.integer("alt_speed_time_end", in: minutes) {
            span.until = Int(until)
        }
        if let bits = try arguments.integer("alt_speed_time_day", in: 0...127) {
            span.days = Self.days(ofBits: bits)
        }
        let was = !schedule.spans.isEmpty
        let isOn = try arguments.flag("alt_speed_time_enabled") ?? was
        guard isOn != was || isOn && span != shown else { return }
        schedule.spans = isOn ? [span] : []
    }

    private func takeQueue(
        _ arguments: RPCArguments, into queue: inout Settings.Queue
    ) throws(RPCFailure) {
        let wasOn = queue.isOn
        queue.activeDownloads = try arguments.slots(
            "download_queue", now: wasOn ? queue.activeDownloads : nil,
            shown: queue.activeDownloads ?? Self.queueSizeShown)
        queue.activeSeeds = try arguments.slots(
            "seed_queue", now: wasOn ? queue.activeSeeds : nil,
            shown: queue.activeSeeds ?? Self.queueSizeShown)
        let minutes = try arguments.integer("queue_stalled_minutes", in: 1...100_000)
        if try arguments.flag("queue_stalled_enabled") ?? (queue.stalledMinutes != nil) {
            queue.stalledMinutes =
                minutes.map { Int($0) } ?? queue.stalledMinutes ?? Self.stalledMinutesShown
        } else {
            queue.stalledMinutes = nil
        }
        queue.isOn = wasOn || queue.activeDownloads != nil || queue.activeSeeds != nil
    }

    private func takeSeeding(
        _ arguments: RPCArguments, into seeding: inout SeedingLimits
    ) throws(RPCFailure) {
        let ratio = try arguments.number("seed_ratio_limit")
        if let holds = try arguments.flag("seed_ratio_limited"), !holds {
            seeding.ratio = .unlimited
        } else if case .atMost(let now) = seeding.ratio {
            seeding.ratio = .atMost(ratio ?? now)
        } else if try arguments.flag("seed_ratio_limited") == true {
            seeding.ratio = .atMost(ratio ?? TorrentDefaults.ratioShown)
        }
        let idle = try arguments.integer("idle_seeding_limit", in: 0...Int64(Int32.max))
        if let holds = try arguments.flag("idle_seeding_limit_enabled"), !holds {
            seeding.idle = .unlimited
        } else if case .atMost(let now) = seeding.idle {
            seeding.idle = .atMost(idle.map { $0 * 60 } ?? now)
        } else if try arguments.flag("idle_seeding_limit_enabled") == true {
            seeding.idle = .atMost((idle ?? TorrentDefaults.idleMinutesShown) * 60)
        }
    }
}

extension RPCArguments {
    /// A rate of the session or of a group: its value, and `…_enabled`. What is not said stays.
    func rateLimit(_ name: String, now: ByteRate?) throws(RPCFailure) -> ByteRate? {
        let value = try rate(name).map { ByteRate(bytesPerSecond: $0) }
        guard try flag("\(name)_enabled") ?? (now != nil) else { return nil }
        return value ?? now
            ?? ByteRate(bytesPerSecond: TorrentDefaults.kilobytesShown * 1000)
    }

    fileprivate func slots(_ name: String, now: Int?, shown: Int) throws(RPCFailure) -> Int? {
        let size = try integer("\(name)_size", in: 0...Int64(Int32.max)).map { Int($0) }
        guard try flag("\(name)_enabled") ?? (now != nil) else { return nil }
        return size ?? shown
    }
}
