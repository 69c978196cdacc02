import ArgumentParser
import Glibc
import JSONText
import Terminal
import Units

struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show what the daemon has done, in this run and in all, and where there is room.")

    @OptionGroup
    var options: RemoteOptions

    func run() throws {
        let console = options.console()
        let session = try options.daemon().session()
        guard !options.json else { return try console.print(session) }
        try console.print(Self.lines(session, now: Int64(time(nil))))
    }

    /// - Parameter now: seconds since 1970.
    static func lines(_ session: JSON, now: Int64) -> [StyledLine] {
        let statistics = session["statistics"]
        let rates = [("down", "downloadRate"), ("up", "uploadRate")].map { word, name in
            "\(sizeText(statistics?[name]?.integer ?? 0))/s \(word)"
        }
        var fields = [
            ("version", session["version"]?.string ?? ""),
            ("torrents", "\(session["torrents"]?.integer ?? 0)"),
            ("port", "\(session["port"]?.integer ?? 0)"),
            ("now", (rates + [peers(statistics)]).joined(separator: ", ")),
        ]
        if statistics?["usesAlternativeLimits"]?.bool == true {
            fields.append(("limits", "the alternative ones hold"))
        }
        if let started = statistics?["started"]?.integer {
            let age = intervalText(.seconds(max(0, now.subtractingSaturating(started))))
            fields.append(("started", "\(dateText(secondsSince1970: started)), \(age) ago"))
        }
        for (label, name) in [("in this run", "thisRun"), ("in all", "allTime")] {
            fields.append((label, totals(statistics?[name])))
        }
        for folder in session["folders"]?.elements ?? [] {
            let free = sizeText(folder["free"]?.integer ?? 0)
            let total = sizeText(folder["total"]?.integer ?? 0)
            fields.append(
                ("room", "\(free) of \(total) free at \(folder["path"]?.string ?? "")"))
        }
        return fields.map { label, value in
            var line = StyledLine(padded(right: label, to: 14), .dim)
            line.append(terminalSafe(value))
            return line
        }
    }

    private static func peers(_ statistics: JSON?) -> String {
        countText(Int(clamping: statistics?["peers"]?.integer ?? 0), "peer")
    }

    private static func totals(_ totals: JSON?) -> String {
        let down = totals?["downloaded"]?.integer ?? 0
        let up = totals?["uploaded"]?.integer ?? 0
        let added = Int(clamping: totals?["torrentsAdded"]?.integer ?? 0)
        let runs = Int(clamping: totals?["sessions"]?.integer ?? 0)
        var words = ["\(sizeText(down)) down", "\(sizeText(up)) up"]
        if down > 0 { words.append("ratio \(ratioText(Double(up) / Double(down)))") }
        words.append("\(countText(added, "torrent")) added")
        if runs > 1 { words.append("\(runs) runs") }
        let active = intervalText(.seconds(totals?["secondsActive"]?.integer ?? 0))
        return words.joined(separator: ", ") + ", active for \(active)"
    }
}
