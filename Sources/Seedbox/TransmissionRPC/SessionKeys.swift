import JSONText
import Units

/// What Transmission can tell of its session, from our settings, by the old names.
struct SessionKeys {
    let all: [JSON.Member]

    /// - Parameter port: where peers are accepted, which the settings need not say.
    init(
        _ settings: Settings, _ spelling: Spelling, _ sessionID: String, port: UInt16? = nil
    ) {
        all =
            Self.version(spelling, sessionID) + Self.network(settings, port)
            + Self.rates(settings.limits)
            + Self.queue(settings.queue) + Self.seeding(settings.seeding)
            + Self.files(settings, spelling)
    }

    private static func version(_ spelling: Spelling, _ sessionID: String) -> [JSON.Member] {
        let isOld = if case .old = spelling { true } else { false }
        return [
            ("version", .string(RPCVersion.text(programVersion))),
            ("rpc-version", .integer(isOld ? RPCVersion.old : RPCVersion.ofJSONRPC)),
            ("rpc-version-minimum", .integer(RPCVersion.oldMinimum)),
            (
                "rpc-version-semver",
                .string(isOld ? RPCVersion.semantic : RPCVersion.semanticOfJSONRPC)
            ),
            ("session-id", .string(sessionID)),
        ]
    }

    private static func network(_ settings: Settings, _ port: UInt16?) -> [JSON.Member] {
        let network = settings.network
        return [
            ("peer-port", .integer(Int64(network.port == 0 ? port ?? 0 : network.port))),
            ("peer-port-random-on-start", .bool(network.port == 0)),
            ("peer-limit-global", .count(network.maxPeers)),
            ("peer-limit-per-torrent", .count(network.maxPeersPerTorrent)),
            ("dht-enabled", .bool(network.usesDHT)),
            ("lpd-enabled", .bool(network.usesLSD)),
            ("pex-enabled", .bool(network.usesPEX)),
            ("utp-enabled", false),
            ("tcp-enabled", true),
            ("port-forwarding-enabled", false),
            ("anti-brute-force-enabled", true),
            ("blocklist-enabled", false),
            ("blocklist-size", 0),
            ("blocklist-url", ""),
            ("default-trackers", ""),
        ]
    }

    private static func rates(_ limits: Settings.Rates) -> [JSON.Member] {
        let span = shownSpan(of: limits.schedule)
        return [
            ("speed-limit-down", kilobytes(limits.down)),
            ("speed-limit-down-enabled", .bool(limits.down != nil)),
            ("speed-limit-up", kilobytes(limits.up)),
            ("speed-limit-up-enabled", .bool(limits.up != nil)),
            ("alt-speed-down", kilobytes(limits.alternativeDown)),
            ("alt-speed-up", kilobytes(limits.alternativeUp)),
            ("alt-speed-enabled", .bool(limits.alternativeIsOn)),
            ("alt-speed-time-enabled", .bool(!limits.schedule.spans.isEmpty)),
            ("alt-speed-time-begin", .count(span.from)),
            ("alt-speed-time-end", .count(span.until)),
            ("alt-speed-time-day", .integer(dayBits(span.days))),
        ]
    }

    private static func queue(_ queue: Settings.Queue) -> [JSON.Member] {
        [
            ("download-queue-enabled", .bool(queue.isOn && queue.activeDownloads != nil)),
            ("download-queue-size", .count(queue.activeDownloads ?? queueSizeShown)),
            ("seed-queue-enabled", .bool(queue.isOn && queue.activeSeeds != nil)),
            ("seed-queue-size", .count(queue.activeSeeds ?? queueSizeShown)),
            ("queue-stalled-enabled", .bool(queue.stalledMinutes != nil)),
            ("queue-stalled-minutes", .count(queue.stalledMinutes ?? stalledMinutesShown)),
        ]
    }

    private static func seeding(_ seeding: SeedingLimits) -> [JSON.Member] {
        let ratio: Double? = if case .atMost(let value) = seeding.ratio { value } else { nil }
        let idle: Int64? = if case .atMost(let value) = seeding.idle { value } else { nil }
        return [
            ("seedRatioLimit", .number(ratio ?? TorrentDefaults.ratioShown)),
            ("seedRatioLimited", .bool(ratio != nil)),
            (
                "idle-seeding-limit",
                .integer(idle.map { $0 / 60 } ?? TorrentDefaults.idleMinutesShown)
            ),
            ("idle-seeding-limit-enabled", .bool(idle != nil)),
        ]
    }

    private static func files(_ settings: Settings, _ spelling: Spelling) -> [JSON.Member] {
        let hooks = settings.hooks
        let isOld = if case .old = spelling { true } else { false }
        return [
            ("config-dir", .string(settings.storage.stateFolder)),
            ("download-dir", .string(settings.storage.downloadFolder)),
            ("incomplete-dir", .string(settings.storage.downloadFolder)),
            ("incomplete-dir-enabled", false),
            ("rename-partial-files", true),
            ("start-added-torrents", .bool(!settings.adding.startsPaused)),
            ("trash-original-torrent-files", false),
            ("cache-size-mb", 0),
            ("encryption", isOld ? "tolerated" : "allowed"),
            ("script-torrent-added-enabled", .bool(!hooks.added.isEmpty)),
            ("script-torrent-added-filename", .string(hooks.added.first ?? "")),
            ("script-torrent-done-enabled", .bool(!hooks.completed.isEmpty)),
            ("script-torrent-done-filename", .string(hooks.completed.first ?? "")),
            ("script-torrent-done-seeding-enabled", .bool(!hooks.seedingDone.isEmpty)),
            ("script-torrent-done-seeding-filename", .string(hooks.seedingDone.first ?? "")),
            ("units", units(spelling)),
        ]
    }

    /// Speeds and sizes count in thousands, memory in powers of two.
    private static func units(_ spelling: Spelling) -> JSON {
        [
            spelling.name("speed-units"): ["kB/s", "MB/s", "GB/s", "TB/s"],
            spelling.name("speed-bytes"): 1000,
            spelling.name("size-units"): ["kB", "MB", "GB", "TB"],
            spelling.name("size-bytes"): 1000,
            spelling.name("memory-units"): ["KiB", "MiB", "GiB", "TiB"],
            spelling.name("memory-bytes"): 1024,
        ]
    }

    static let queueSizeShown = 5
    static let stalledMinutesShown = 30

    // MARK: The schedule

    /// Transmission has one span; of several the first is shown. Where there is none, its own.
    static func shownSpan(of schedule: WeekSchedule) -> WeekSchedule.Span {
        schedule.spans.first
            ?? WeekSchedule.Span(
                days: Set(WeekSchedule.Weekday.allCases), from: 9 * 60, until: 17 * 60)
    }

    /// Sunday is 1, Monday 2, Saturday 64.
    private static func dayBits(_ days: Set<WeekSchedule.Weekday>) -> Int64 {
        days.reduce(0) { $0 | 1 << Int64(($1.rawValue + 1) % 7) }
    }

    static func days(ofBits bits: Int64) -> Set<WeekSchedule.Weekday> {
        Set(WeekSchedule.Weekday.allCases.filter { bits & dayBits([$0]) != 0 })
    }
}

func kilobytes(_ rate: ByteRate?) -> JSON {
    .integer(TorrentView.kilobytes(rate?.bytesPerSecond))
}
