import Seedbox
import Terminal
import Units

/// Torrents as a table that fits a terminal: what matters least is left out where it is narrow.
struct TorrentTable {
    enum Column: CaseIterable {
        case id, name, state, done, size, down, up, left, ratio, peers, category, labels

        var title: String {
            switch self {
            case .id: "ID"
            case .name: "NAME"
            case .state: "STATE"
            case .done: "DONE"
            case .size: "SIZE"
            case .down: "DOWN"
            case .up: "UP"
            case .left: "LEFT"
            case .ratio: "RATIO"
            case .peers: "PEERS"
            case .category: "CATEGORY"
            case .labels: "LABELS"
            }
        }

        /// Words stand at the left of their column, numbers at the right.
        var isText: Bool {
            switch self {
            case .name, .state, .category, .labels: true
            case .id, .done, .size, .down, .up, .left, .ratio, .peers: false
            }
        }

        /// What it takes in most lists, so that columns stay where they are while numbers change.
        var columnsMin: Int {
            switch self {
            case .state: 11
            case .done: 5
            case .size: 8
            case .down, .up: 10
            case .left: 6
            case .id, .name, .ratio, .peers, .category, .labels: title.columns
            }
        }

        /// In the order in which columns go where there is no room.
        static let dispensable: [Column] = [
            .labels, .category, .peers, .ratio, .left, .size, .up, .down, .done, .state,
        ]
    }

    /// The name has what the others leave, and no less.
    private static let nameColumnsMin = 16
    private static let wordColumnsMax = 18

    private let cells: [[String]]
    private let styles: [Style]
    private let columns: [Column]
    private let widths: [Int]
    private let ellipsis: Character

    init(_ torrents: [RemoteTorrent], width: Int, isUnicode: Bool) {
        ellipsis = isUnicode ? "…" : "~"
        styles = torrents.map(\.stateStyle)
        let all = Column.allCases.filter { column in
            switch column {
            case .category: torrents.contains { $0.category != nil }
            case .labels: torrents.contains { !$0.labels.isEmpty }
            default: true
            }
        }
        let texts = all.map { column in torrents.map { Self.text(column, of: $0) } }
        let natural = zip(all, texts).map { column, texts in
            let widest = texts.reduce(column.columnsMin) { max($0, $1.columns) }
            return column.isText && column != .name ? min(widest, Self.wordColumnsMax) : widest
        }
        let kept = Self.kept(all, natural, width: width)
        columns = kept.map { all[$0] }
        let others = kept.filter { all[$0] != .name }.reduce(0) { $0 + natural[$1] + 2 }
        widths = kept.map { place in
            all[place] == .name
                ? min(natural[place], max(Self.nameColumnsMin, width - others)) : natural[place]
        }
        cells = torrents.indices.map { row in kept.map { texts[$0][row] } }
    }

    /// The columns for which there is room, by their places.
    private static func kept(_ all: [Column], _ widths: [Int], width: Int) -> [Int] {
        var kept = Array(all.indices)
        for column in Column.dispensable {
            let needed = kept.reduce(-2) { sum, place in
                sum + 2 + (all[place] == .name ? min(widths[place], nameColumnsMin) : widths[place])
            }
            guard needed > width else { break }
            kept.removeAll { all[$0] == column }
        }
        return kept
    }

    var head: StyledLine {
        StyledLine(row(columns.map(\.title)), .dim)
    }

    var count: Int { cells.count }

    /// The lines of these torrents.
    func lines(_ range: Range<Int>) -> [StyledLine] {
        range.clamped(to: cells.indices).map { place in
            var line = StyledLine()
            for (index, column) in columns.enumerated() {
                if index > 0 { line.append("  ") }
                let isLast = index == columns.count - 1
                line.append(
                    cell(cells[place][index], index, isLast: isLast),
                    column == .state ? styles[place] : column == .id ? .dim : .plain)
            }
            return line
        }
    }

    private func row(_ texts: [String]) -> String {
        texts.enumerated().map { cell($1, $0, isLast: $0 == texts.count - 1) }
            .joined(separator: "  ")
    }

    private func cell(_ text: String, _ index: Int, isLast: Bool) -> String {
        let text = clipped(text, to: widths[index], ellipsis: ellipsis)
        guard columns[index].isText else { return padded(left: text, to: widths[index]) }
        return isLast ? text : padded(right: text, to: widths[index])
    }

    // MARK: - One cell

    private static func text(_ column: Column, of torrent: RemoteTorrent) -> String {
        switch column {
        case .id: "\(torrent.id)"
        case .name: terminalSafe(torrent.name)
        case .state: terminalSafe(torrent.stateWord)
        case .done: doneText(torrent)
        case .size: torrent.hasMetadata ? sizeText(torrent.bytesWanted) : ""
        case .down: torrent.downloadRate > 0 ? rate(torrent.downloadRate) : ""
        case .up: torrent.uploadRate > 0 ? rate(torrent.uploadRate) : ""
        case .left: torrent.secondsLeft.map { intervalText(.seconds($0)) } ?? ""
        case .ratio: torrent.ratio.map { ratioText($0) } ?? ""
        case .peers: torrent.count("peersConnected") > 0 ? "\(torrent.count("peersConnected"))" : ""
        case .category: terminalSafe(torrent.category ?? "")
        case .labels: terminalSafe(torrent.labels.joined(separator: ","))
        }
    }

    /// All of it is said without a point, as that is what most of a long list are.
    private static func doneText(_ torrent: RemoteTorrent) -> String {
        guard torrent.hasMetadata || torrent.permilleDone > 0 else { return "" }
        let permille = torrent.permilleDone
        return permille == 1_000 ? "100%" : "\(permille / 10).\(permille % 10)%"
    }

    private static func rate(_ bytes: Int64) -> String {
        rateText(ByteRate(bytesPerSecond: bytes))
    }
}

/// What several torrents do together.
struct TorrentSums: Equatable {
    private(set) var count = 0
    private(set) var active = 0
    private(set) var downloading = 0
    private(set) var seeding = 0
    private(set) var troubled = 0
    private(set) var peers = 0
    private(set) var bytes: Int64 = 0
    private(set) var downloadRate: Int64 = 0
    private(set) var uploadRate: Int64 = 0

    init(_ torrents: some Sequence<RemoteTorrent>) {
        for torrent in torrents {
            count += 1
            if torrent.downloadRate > 0 || torrent.uploadRate > 0 { active += 1 }
            if torrent.state == .downloading { downloading += 1 }
            if torrent.state == .seeding { seeding += 1 }
            if torrent.state == .failed || torrent.isInTrouble { troubled += 1 }
            peers = peers.addingSaturating(torrent.count("peersConnected"))
            bytes = bytes.addingSaturating(torrent.bytesWanted)
            downloadRate = downloadRate.addingSaturating(torrent.downloadRate)
            uploadRate = uploadRate.addingSaturating(torrent.uploadRate)
        }
    }

    /// `12 torrents: 3 downloading, 8 seeding, 1 in trouble; down 1.2 MiB/s, up 3.0 MiB/s`.
    func line(isUnicode: Bool) -> String {
        let (down, up) = isUnicode ? ("↓", "↑") : ("down", "up")
        var parts: [String] = []
        if downloading > 0 { parts.append("\(downloading) downloading") }
        if seeding > 0 { parts.append("\(seeding) seeding") }
        if troubled > 0 { parts.append("\(troubled) in trouble") }
        var text = "\(countText(count, "torrent")), \(sizeText(bytes))"
        if !parts.isEmpty { text += ": " + parts.joined(separator: ", ") }
        text += "; \(down) \(rateText(ByteRate(bytesPerSecond: downloadRate)))"
        text += "  \(up) \(rateText(ByteRate(bytesPerSecond: uploadRate)))"
        return text + "  \(countText(peers, "peer"))"
    }
}
