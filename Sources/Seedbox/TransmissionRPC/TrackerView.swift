import JSONText

/// The trackers of a torrent as Transmission tells them. A tracker's number is its place.
struct TrackerView {
    private let trackers: [TrackerRow]
    /// The place of the tracker that is spoken to, for each tier; the others stand by.
    private let active: Set<Int>

    init(_ trackers: [TrackerRow]) {
        self.trackers = trackers
        var chosen: [Int: Int] = [:]
        for (index, tracker) in trackers.enumerated() {
            if let first = chosen[tracker.tier] {
                let isBetter = trackers[first].state == .unused && tracker.state != .unused
                if isBetter { chosen[tracker.tier] = index }
            } else {
                chosen[tracker.tier] = index
            }
        }
        active = Set(chosen.values)
    }

    /// One URL a line, and an empty line between tiers.
    var list: String {
        var text = ""
        for (index, tracker) in trackers.enumerated() {
            if index > 0 { text += tracker.tier == trackers[index - 1].tier ? "\n" : "\n\n" }
            text += tracker.url
        }
        return text
    }

    /// The tiers that such a list names.
    static func tiers(in list: String) -> [[String]] {
        var tiers: [[String]] = [[]]
        for line in list.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            let url = line.trimmingPrefix { $0.isWhitespace }
            let end = url.lastIndex { !$0.isWhitespace }
            if let end {
                tiers[tiers.count - 1].append(String(url[...end]))
            } else {
                tiers.append([])
            }
        }
        return tiers.filter { !$0.isEmpty }
    }

    func write(_ field: TorrentField, _ spelling: Spelling, into out: inout JSONWriter) {
        guard field != .trackerList else { return out.string(list) }
        out.beginArray()
        for (index, tracker) in trackers.enumerated() {
            out.beginObject()
            writeName(tracker, at: index, spelling, into: &out)
            if field == .trackerStats { writeState(tracker, at: index, spelling, into: &out) }
            out.endObject()
        }
        out.endArray()
    }

    private func writeName(
        _ tracker: TrackerRow, at index: Int, _ spelling: Spelling, into out: inout JSONWriter
    ) {
        out.name("announce")
        out.string(tracker.url)
        out.name("id")
        out.integer(index)
        out.name("scrape")
        out.string(Self.scrape(tracker.url))
        out.name("sitename")
        out.string(Self.site(tracker.url))
        out.name("tier")
        out.integer(tracker.tier)
    }

    private func writeState(
        _ tracker: TrackerRow, at index: Int, _ spelling: Spelling, into out: inout JSONWriter
    ) {
        let hasFailed = tracker.state == .failed
        let hasCounts = tracker.seeds != nil || tracker.leechers != nil
        let last = tracker.lastTry ?? tracker.lastAnnounce ?? 0
        let numbers: [(String, Int64)] = [
            ("announceState", Self.state(of: tracker)),
            ("downloadCount", Int64(tracker.downloads ?? -1)),
            ("downloaderCount", -1),
            ("lastAnnouncePeerCount", Int64(tracker.peersInAnswer ?? 0)),
            ("lastAnnounceStartTime", last),
            ("lastAnnounceTime", last),
            ("lastScrapeStartTime", 0),
            ("lastScrapeTime", hasCounts ? tracker.lastAnnounce ?? 0 : 0),
            ("leecherCount", Int64(tracker.leechers ?? -1)),
            ("nextAnnounceTime", tracker.nextAnnounce ?? 0),
            ("nextScrapeTime", 0),
            ("scrapeState", 0),
            ("seederCount", Int64(tracker.seeds ?? -1)),
        ]
        let flags: [(String, Bool)] = [
            ("hasAnnounced", last > 0),
            ("hasScraped", hasCounts),
            ("isBackup", !active.contains(index)),
            ("lastAnnounceSucceeded", tracker.lastAnnounce != nil && !hasFailed),
            ("lastAnnounceTimedOut", false),
            ("lastScrapeSucceeded", hasCounts),
            ("lastScrapeTimedOut", false),
        ]
        out.name("host")
        out.string(Self.host(tracker.url))
        out.name(spelling.name("lastAnnounceResult"))
        out.string(tracker.message ?? (tracker.lastAnnounce == nil ? "" : "Success"))
        out.name(spelling.name("lastScrapeResult"))
        out.string("")
        for (name, value) in numbers {
            out.name(spelling.name(name))
            out.integer(value)
        }
        for (name, value) in flags {
            out.name(spelling.name(name))
            out.bool(value)
        }
    }

    /// 0 is never asked, 1 waits, 2 is queued, 3 is being asked.
    private static func state(of tracker: TrackerRow) -> Int64 {
        switch tracker.state {
        case .unused: 0
        case .waiting, .working, .failed: 1
        case .announcing: 3
        }
    }

    // MARK: URLs

    /// `http://tracker.example:6969`.
    static func host(_ url: String) -> String {
        guard let start = url.firstRange(of: "://")?.upperBound else { return url }
        let end = url[start...].firstIndex { "/?#".contains($0) } ?? url.endIndex
        return String(url[..<end])
    }

    /// `tracker` of `http://announce.tracker.example:6969`, and addresses as they are.
    static func site(_ url: String) -> String {
        let host = host(url)
        let start = host.firstRange(of: "://")?.upperBound ?? host.startIndex
        var name = host[start...]
        if name.hasPrefix("[") { return String(name.prefix { $0 != "]" }.dropFirst()) }
        if let colon = name.lastIndex(of: ":") { name = name[..<colon] }
        let labels = name.split(separator: ".")
        if labels.last.map({ $0.allSatisfy(\.isNumber) }) ?? true { return String(name) }
        return String(labels.dropLast().last ?? labels.last ?? "")
    }

    /// By the rule of old: where the last part of the path begins with `announce`.
    static func scrape(_ url: String) -> String {
        guard url.hasPrefix("http"), let slash = url.lastIndex(of: "/") else {
            return url.hasPrefix("udp:") ? url : ""
        }
        let last = url[url.index(after: slash)...]
        guard last.hasPrefix("announce") else { return "" }
        return url[...slash] + "scrape" + last.dropFirst("announce".count)
    }
}
