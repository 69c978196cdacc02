import JSONText
import Terminal
import Units

/// The lists of one torrent, as the daemon tells them: files, peers, trackers, reasons.
enum TorrentPartsText {
    // MARK: - Files

    /// The number that `--files` takes stands first.
    static func files(_ files: [JSON], isUnicode: Bool) -> [StyledLine] {
        let entries = files.map { file in
            let length = file["length"]?.integer ?? 0
            var words = [percentText(file["bytesDone"]?.integer ?? 0, of: length)]
            if file["isWanted"]?.bool == false {
                words.append("not wanted")
            } else if let priority = priorityWord(file["priority"]), priority != "normal" {
                words.append(priority)
            }
            let path = file["path"]?.string ?? ""
            return FileTree.File(
                number: number(of: file),
                path: path.split(separator: "/").map(String.init), length: length,
                remark: words.joined(separator: ", "))
        }
        return FileTree(entries).lines(isUnicode: isUnicode)
    }

    /// Users count from 1.
    static func number(of file: JSON) -> Int {
        Int(clamping: (file["index"]?.integer ?? 0).addingSaturating(1))
    }

    static func priorityWord(_ value: JSON?) -> String? {
        if let word = value?.string { return word }
        return value?.integer.map { $0 < 0 ? "low" : $0 > 0 ? "high" : "normal" }
    }

    // MARK: - Peers

    static func peers(_ peers: [JSON]) -> [StyledLine] {
        guard !peers.isEmpty else { return [StyledLine("no peers are connected", .dim)] }
        let rows = peers.map { peer -> [String] in
            let progress = min(max(peer["progress"]?.number ?? 0, 0), 1)
            let permille = Int64(progress * 1_000)
            return [
                peer["endpoint"]?.string ?? peer["address"]?.string ?? "",
                peer["flags"]?.string ?? "", "\(permille / 10).\(permille % 10)%",
                rate(peer["rateToUs"]), rate(peer["rateToPeer"]),
                sizeText(peer["downloaded"]?.integer ?? 0),
                sizeText(peer["uploaded"]?.integer ?? 0), peer["client"]?.string ?? "",
            ]
        }
        return table(
            ["PEER", "FLAGS", "HAS", "DOWN", "UP", "GOT", "GIVEN", "CLIENT"], rows,
            texts: [0, 1, 7])
    }

    private static func rate(_ value: JSON?) -> String {
        let bytes = value?.integer ?? 0
        return bytes > 0 ? rateText(ByteRate(bytesPerSecond: bytes)) : ""
    }

    // MARK: - Trackers

    /// - Parameter now: seconds since 1970.
    static func trackers(_ trackers: [JSON], now: Int64) -> [StyledLine] {
        guard !trackers.isEmpty else { return [StyledLine("it has no trackers", .dim)] }
        return trackers.flatMap { tracker -> [StyledLine] in
            let tier = (tracker["tier"]?.integer ?? 0).addingSaturating(1)
            var line = StyledLine("tier \(tier)  ", .dim)
            line.append(terminalSafe(tracker["url"]?.string ?? ""))
            let state = tracker["state"]?.string ?? ""
            var words = [state]
            for (name, word) in [("seeds", "seeds"), ("leechers", "others")] {
                if let count = tracker[name]?.integer { words.append("\(count) \(word)") }
            }
            if let peers = tracker["peersInAnswer"]?.integer { words.append("told of \(peers)") }
            if let next = tracker["nextAnnounce"]?.integer, next > now {
                words.append("again in \(intervalText(.seconds(next.subtractingSaturating(now))))")
            }
            var detail = StyledLine("        ")
            let isBad = state == "failed"
            detail.append(
                terminalSafe(words.joined(separator: ", ")),
                isBad ? .bad : state == "working" ? .good : .dim)
            guard let message = tracker["message"]?.string, !message.isEmpty else {
                return [line, detail]
            }
            detail.append(": " + terminalSafe(message), isBad ? .bad : .warning)
            return [line, detail]
        }
    }

    // MARK: - Reasons

    static func reasons(_ reasons: [JSON]) -> [StyledLine] {
        guard !reasons.isEmpty else {
            return [StyledLine("   nothing that could be told holds it up", .dim)]
        }
        return reasons.enumerated().map { place, reason in
            var line = StyledLine(padded(left: "\(place + 1).", to: 5) + " ", .dim)
            line.append(terminalSafe(reason["text"]?.string ?? ""))
            let kind = terminalSafe(reason["kind"]?.string ?? "")
            let count = reason["count"]?.integer ?? 0
            line.append(count > 0 ? "  \(kind) × \(count)" : "  \(kind)", .dim)
            return line
        }
    }

    // MARK: - Tables

    /// Columns by their widest cell; texts stand at the left of theirs.
    private static func table(
        _ titles: [String], _ rows: [[String]], texts: Set<Int>
    ) -> [StyledLine] {
        let rows = rows.map { $0.map(terminalSafe) }
        let widths = titles.indices.map { place in
            rows.reduce(titles[place].columns) { max($0, $1[place].columns) }
        }
        return ([titles] + rows).enumerated().map { number, cells in
            let padded = cells.enumerated().map { place, cell in
                guard texts.contains(place) else {
                    return swarm.padded(left: cell, to: widths[place])
                }
                let isLast = place == titles.count - 1
                return isLast ? cell : swarm.padded(right: cell, to: widths[place])
            }
            return StyledLine(padded.joined(separator: "  "), number == 0 ? .dim : .plain)
        }
    }
}
