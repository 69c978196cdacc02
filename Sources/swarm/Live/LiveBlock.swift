import Terminal
import Units

/// The block that a terminal shows while torrents run. A function of what is to be shown and of
/// the room there is: it writes nothing.
struct LiveBlock: Equatable, Sendable {
    var width: Int
    var height: Int
    var isUnicode: Bool

    /// Lines of a torrent with everything: name, bar, pieces, rates.
    private static let linesOfTorrent = 4

    /// At most `height - 1` lines, none wider than `width - 1`, so that no terminal wraps or
    /// scrolls them.
    func lines(_ torrents: [LiveTorrent]) -> [StyledLine] {
        let room = max(1, height - 1)
        let lines: [StyledLine]
        if torrents.count * Self.linesOfTorrent <= room {
            lines = torrents.flatMap(detailed)
        } else if torrents.count <= room {
            lines = torrents.map(brief)
        } else {
            lines = crowd(torrents, room: room)
        }
        let ellipsis: Character = isUnicode ? "…" : "~"
        return lines.map { $0.clipped(to: usable, ellipsis: ellipsis) }
    }

    /// The columns that may be written: the last one makes some terminals wrap.
    private var usable: Int { max(1, width - 1) }

    private func detailed(_ torrent: LiveTorrent) -> [StyledLine] {
        var lines = [title(torrent), progress(torrent)]
        let map = PieceMap.columns(
            have: torrent.have, availability: torrent.availability, width: usable)
        if map.count > 1 { lines.append(PieceMap.line(map, isUnicode: isUnicode)) }
        lines.append(rates(torrent))
        return lines
    }

    private func title(_ torrent: LiveTorrent) -> StyledLine {
        let state = stateText(torrent)
        let ellipsis: Character = isUnicode ? "…" : "~"
        // The state keeps its place: it matters more than the end of a long name.
        let room = max(8, usable - state.text.columns - 2)
        let name = clipped(terminalSafe(torrent.name), to: room, ellipsis: ellipsis)
        var line = StyledLine(name, .bold)
        let gap = max(2, usable - name.columns - state.text.columns)
        line.append(String(repeating: " ", count: gap))
        line.append(state.text, state.style)
        return line
    }

    private func stateText(_ torrent: LiveTorrent) -> (text: String, style: Style) {
        switch torrent.phase {
        case .paused(let reason): ("paused: " + terminalSafe(reason), .warning)
        case .waiting(let word): (terminalSafe(word), .dim)
        case .failed(let reason): ("failed: " + terminalSafe(reason), .bad)
        case .seeding, .done: (torrent.phase.word, .good)
        case .fetchingMetadata, .checking, .downloading: (torrent.phase.word, .plain)
        }
    }

    private func progress(_ torrent: LiveTorrent) -> StyledLine {
        if torrent.phase == .fetchingMetadata, torrent.bytesWanted == 0 {
            return StyledLine("looking for peers that know what it is", .dim)
        }
        var tail =
            " " + padded(left: percentText(torrent.bytesDone, of: torrent.bytesWanted), to: 6)
        tail += "  \(sizeText(torrent.bytesDone)) of \(sizeText(torrent.bytesWanted))"
        if let left = timeLeftText(torrent) { tail += "  \(left)" }
        // The text changes its width as the numbers do; the bar should not.
        let width = min(40, usable - max(tail.columns, 44))
        guard width >= 8 else { return StyledLine(String(tail.dropFirst())) }
        var line = Bar.line(
            torrent.bytesDone, of: torrent.bytesWanted, width: width, isUnicode: isUnicode)
        line.append(tail)
        return line
    }

    private func timeLeftText(_ torrent: LiveTorrent) -> String? {
        switch torrent.phase {
        case .downloading, .checking: torrent.timeLeft.map { intervalText($0) + " left" }
        case .fetchingMetadata, .seeding, .done, .paused, .waiting, .failed: nil
        }
    }

    private func rates(_ torrent: LiveTorrent) -> StyledLine {
        let (down, up) = isUnicode ? ("↓", "↑") : ("down", "up")
        var line = StyledLine()
        line.append("\(down) \(rateText(torrent.downloadRate)) ")
        line.append("(\(sizeText(torrent.downloaded)))", .dim)
        line.append("  \(up) \(rateText(torrent.uploadRate)) ")
        line.append("(\(sizeText(torrent.uploaded)))", .dim)
        let style: Style = torrent.peersConnected == 0 ? .warning : .plain
        line.append("  \(countText(torrent.peersConnected, "peer"))", style)
        line.append(" (\(countText(torrent.seedsConnected, "seed"))", .dim)
        line.append(", \(torrent.peersKnown) known)", .dim)
        if torrent.ratio != nil { line.append("  ratio \(ratioText(torrent.ratio))") }
        return line
    }

    /// One torrent in one line.
    private func brief(_ torrent: LiveTorrent) -> StyledLine {
        let (down, up) = isUnicode ? ("↓", "↑") : ("down", "up")
        let isUnknown = torrent.phase == .fetchingMetadata && torrent.bytesWanted == 0
        let percent = isUnknown ? "" : percentText(torrent.bytesDone, of: torrent.bytesWanted)
        var numbers = padded(left: percent, to: 6)
        numbers += "  \(down) " + padded(left: rateText(torrent.downloadRate), to: 10)
        numbers += "  \(up) " + padded(left: rateText(torrent.uploadRate), to: 10)
        numbers += "  " + padded(left: "\(torrent.peersConnected)", to: 3) + " peers"
        if let left = timeLeftText(torrent) { numbers += "  \(left)" }
        let room = max(8, min(40, usable - 56))
        let ellipsis: Character = isUnicode ? "…" : "~"
        let name = clipped(terminalSafe(torrent.name), to: room, ellipsis: ellipsis)
        var line = StyledLine(padded(right: name, to: room), .bold)
        let state = stateText(torrent)
        let word = torrent.phase == .fetchingMetadata ? "metadata" : torrent.phase.word
        line.append("  " + padded(right: word, to: 11), state.style)
        line.append("  " + numbers)
        return line
    }

    /// More torrents than lines: those that are not finished come first, and the last line sums up.
    private func crowd(_ torrents: [LiveTorrent], room: Int) -> [StyledLine] {
        let isBusy = { (torrent: LiveTorrent) in
            torrent.phase != .seeding && torrent.phase != .done
        }
        let ordered = torrents.filter(isBusy) + torrents.filter { !isBusy($0) }
        let shown = ordered.prefix(room - 1)
        let down = torrents.reduce(Int64(0)) {
            $0.addingSaturating($1.downloadRate.bytesPerSecond)
        }
        let up = torrents.reduce(Int64(0)) { $0.addingSaturating($1.uploadRate.bytesPerSecond) }
        let (downSign, upSign) = isUnicode ? ("↓", "↑") : ("down", "up")
        var sum =
            "\(countText(torrents.count, "torrent")), \(torrents.count - shown.count) not shown"
        sum += "  \(downSign) \(rateText(ByteRate(bytesPerSecond: down)))"
        sum += "  \(upSign) \(rateText(ByteRate(bytesPerSecond: up)))"
        return shown.map(brief) + [StyledLine(sum)]
    }
}
