import JSONText
import Seedbox
import Terminal
import Units

/// Everything that the daemon tells of a torrent, in words.
struct TorrentInfoText {
    let torrent: RemoteTorrent

    private typealias Field = (label: String, value: String, style: Style)

    var lines: [StyledLine] {
        fields.map { field in
            var line = StyledLine(padded(right: field.label, to: 14), .dim)
            line.append(field.value, field.style)
            return line
        }
    }

    private var fields: [Field] {
        var fields: [Field] = [
            ("name", terminalSafe(torrent.name), .bold), ("number", "\(torrent.id)", .plain),
        ]
        for (place, hash) in torrent.infoHashes.enumerated() {
            fields.append((place == 0 ? "info-hash" : "and", terminalSafe(hash), .plain))
        }
        fields.append(("state", stateText, torrent.stateStyle))
        if let trouble = torrent.trouble {
            fields.append(
                ("trouble", terminalSafe(trouble), torrent.isInTrouble ? .bad : .warning))
        }
        let plain = content + traffic + place + rules + manifest
        return fields
            + plain.compactMap { label, value in
                value.map { (label, terminalSafe($0), .plain) }
            }
    }

    private var stateText: String {
        var text = terminalSafe(torrent.stateWord)
        let permille = torrent.permilleDone
        if torrent.hasMetadata || permille > 0 {
            text += ", \(permille / 10).\(permille % 10)%"
        }
        if let left = torrent.secondsLeft { text += ", \(intervalText(.seconds(left))) left" }
        return text
    }

    // MARK: - Parts

    private typealias Part = [(String, String?)]

    private var content: Part {
        guard torrent.hasMetadata else { return [] }
        let shape = torrent.json["content"]
        let length = shape?["length"]?.integer ?? torrent.bytesWanted
        var size = "\(sizeText(length)) (\(groupedText(length)) bytes)"
        if let count = shape?["fileCount"]?.integer {
            size += " in \(countText(Int(clamping: count), "file"))"
        }
        var pieces: String?
        if let count = shape?["pieceCount"]?.integer, let each = shape?["pieceLength"]?.integer {
            pieces = "\(groupedText(count)) of \(exactSizeText(each))"
        }
        let there = "\(sizeText(torrent.bytesDone)) of \(sizeText(torrent.bytesWanted)) wanted"
        return [("size", size), ("pieces", pieces), ("there", there)]
    }

    private var traffic: Part {
        let down = rateText(ByteRate(bytesPerSecond: torrent.downloadRate))
        let up = rateText(ByteRate(bytesPerSecond: torrent.uploadRate))
        let downloaded = torrent.integer("downloaded") ?? 0
        let uploaded = torrent.integer("uploaded") ?? 0
        var given = "\(up), \(sizeText(uploaded)) in all"
        if let ratio = torrent.ratio { given += ", ratio \(ratioText(ratio))" }
        let wasted = torrent.integer("wasted") ?? 0
        var peers = "\(torrent.count("peersConnected")) connected"
        peers += " (\(countText(torrent.count("seedsConnected"), "seed")))"
        peers += ", \(torrent.count("peersKnown")) known"
        var swarm: [String] = []
        if let seeds = torrent.integer("seedsInSwarm") { swarm.append("\(seeds) seeds") }
        if let others = torrent.integer("leechersInSwarm") { swarm.append("\(others) others") }
        return [
            ("down", "\(down), \(sizeText(downloaded)) in all"), ("up", given),
            ("wasted", wasted > 0 ? sizeText(wasted) : nil), ("peers", peers),
            ("in the swarm", swarm.isEmpty ? nil : swarm.joined(separator: ", ")),
        ]
    }

    private var place: Part {
        [
            ("folder", torrent.text("folder")), ("category", torrent.category),
            ("labels", torrent.labels.isEmpty ? nil : torrent.labels.joined(separator: ", ")),
            ("added", torrent.integer("added").map(dateText(secondsSince1970:))),
            ("completed", torrent.integer("completed").map(dateText(secondsSince1970:))),
            ("last active", torrent.integer("lastActive").map(dateText(secondsSince1970:))),
            ("fetched for", duration("secondsDownloading")),
            ("seeded for", duration("secondsSeeding")),
        ]
    }

    private func duration(_ name: String) -> String? {
        guard let seconds = torrent.integer(name), seconds > 0 else { return nil }
        return intervalText(.seconds(seconds))
    }

    private var rules: Part {
        let flags = [
            torrent.json["isPrivate"]?.bool == true ? "private" : nil,
            torrent.json["isSequential"]?.bool == true ? "in order" : nil,
            torrent.json["honoursSessionLimits"]?.bool == false ? "no session limits" : nil,
            torrent.text("priority").flatMap { $0 == "normal" ? nil : "priority \($0)" },
        ].compactMap(\.self)
        return [
            ("flags", flags.isEmpty ? nil : flags.joined(separator: ", ")),
            ("limits", LimitText.words(of: torrent.json)),
            ("limit reached", torrent.text("limitReached")?.replacing("-", with: " ")),
            ("group", torrent.text("group")),
            ("queue", torrent.integer("queuePosition").map { "place \($0.addingSaturating(1))" }),
            ("tracker", torrent.text("tracker")),
        ]
    }

    private var manifest: Part {
        [
            ("comment", torrent.text("comment")), ("created by", torrent.text("creator")),
            ("created", torrent.integer("created").map(dateText(secondsSince1970:))),
        ].map { ($0, $1?.isEmpty == true ? nil : $1) }
    }
}

/// Limits of a torrent or of the session, in words.
enum LimitText {
    /// `down 5.0 MiB/s, ratio 2.00, idle 1h00m then pause`; nil if there are none of its own.
    static func words(of json: JSON) -> String? {
        var parts: [String] = []
        for (name, word) in [("downloadLimit", "down"), ("uploadLimit", "up")] {
            guard let bytes = json[name]?.integer else { continue }
            parts.append("\(word) \(rateText(ByteRate(bytesPerSecond: bytes)))")
        }
        if let group = json["group"]?.string { parts.append("those of group \(group)") }
        if let peers = json["peersMax"]?.integer { parts.append("\(peers) peers") }
        let seeding = json["seedingLimits"]
        let rules = [("ratio", "ratio"), ("seedTime", "seed time"), ("idle", "idle")]
        for (name, word) in rules {
            guard let rule = rule(seeding?[name], isRatio: name == "ratio") else { continue }
            parts.append("\(word) \(rule)")
        }
        if let action = seeding?["action"]?.string { parts.append("then \(action)") }
        return parts.isEmpty ? nil : parts.joined(separator: ", ")
    }

    /// Those of the whole daemon, as its settings have them, and whether the alternative ones hold.
    static func session(_ settings: JSON, _ statistics: JSON?) -> [StyledLine] {
        let limits = settings["limits"]
        let seeding = settings["seeding"]
        let rates = [
            ("down", "down"), ("up", "up"), ("alternative down", "alternative-down"),
            ("alternative up", "alternative-up"),
        ].map { label, name in
            let bytes = limits?[name]?.integer
            return (label, bytes.map { rateText(ByteRate(bytesPerSecond: $0)) } ?? "none")
        }
        var alternative = statistics?["usesAlternativeLimits"]?.bool == true ? "on" : "off"
        let schedule = limits?["schedule"]?.elements?.compactMap(\.string) ?? []
        if !schedule.isEmpty, statistics?["alternativeLimitsBy"]?.string == "hand" {
            alternative += ", by hand"
        }
        let rules = [("ratio", "ratio"), ("seed time", "time"), ("idle", "idle")].map {
            label, name in
            (label, rule(seeding?[name], isRatio: name == "ratio") ?? "none")
        }
        let all =
            rates + [("alternative", alternative)]
            + (schedule.isEmpty ? [] : [("on at", schedule.joined(separator: ", "))]) + rules
            + [("then", seeding?["action"]?.string ?? "pause")]
        return all.map { label, value in
            var line = StyledLine(padded(right: label, to: 18), .dim)
            line.append(terminalSafe(value))
            return line
        }
    }

    /// Nil for what is inherited.
    static func rule(_ value: JSON?, isRatio: Bool) -> String? {
        guard let value else { return nil }
        if value == .null { return "unlimited" }
        guard let number = value.number else { return nil }
        if isRatio { return ratioText(number) }
        return intervalText(.seconds(Int64(exactly: number.rounded()) ?? .max))
    }
}
