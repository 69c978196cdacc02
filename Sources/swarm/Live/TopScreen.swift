import Seedbox
import Terminal

/// The torrents of the daemon on a whole screen: what is shown, and what keys do to it. Writes
/// nothing.
struct TopScreen {
    /// What a key asks for that is not done here.
    enum Wish: Equatable {
        case quit
        case pause(Int64)
        case resume(Int64)
    }

    /// What the lists are narrowed to in turn.
    private static let filters: [TorrentFilter.State?] = [
        nil, .active, .incomplete, .state(.seeding), .state(.paused), .trouble,
    ]
    private static let orders: [TorrentOrder] = [
        .id, .down, .up, .name, .done, .size, .ratio, .peers, .left, .state, .added,
    ]
    /// Title, table head and help.
    private static let linesOfOthers = 3

    var place: String
    var filter: TorrentFilter
    var order: TorrentOrder
    var isReversed: Bool
    /// What went wrong last, until something goes right.
    var message: String?

    private var torrents: [RemoteTorrent] = []
    private var sums = TorrentSums([])
    private var shown: [RemoteTorrent] = []
    private var filterState: TorrentFilter.State?
    private var selectedID: Int64?
    /// The first line of the list that is in sight.
    private var top = 0
    private var rows = 1

    init(place: String, filter: TorrentFilter, order: TorrentOrder, isReversed: Bool) {
        self.place = place
        self.filter = filter
        self.order = order
        self.isReversed = isReversed
    }

    mutating func take(_ torrents: [RemoteTorrent]) {
        self.torrents = torrents
        sums = TorrentSums(torrents)
        arrange()
    }

    private mutating func arrange() {
        let wanted = torrents.filter {
            filter.admits($0) && (filterState?.admits($0) ?? true)
        }
        shown = order.sorted(wanted, isReversed: isReversed)
        if selected == nil { selectedID = shown.first?.id }
    }

    private var selected: Int? { shown.firstIndex { $0.id == selectedID } }

    // MARK: - Keys

    mutating func press(_ key: Key) -> Wish? {
        switch key {
        case .character("q"): return .quit
        case .character("p"), .character(" "): return wishToTurn()
        case .character("s"): order = Self.next(after: order, in: Self.orders)
        case .character("r"): isReversed.toggle()
        case .character("f"): filterState = Self.next(after: filterState, in: Self.filters)
        case .up, .character("k"): select(-1)
        case .down, .character("j"): select(1)
        case .pageUp: select(-rows)
        case .pageDown: select(rows)
        case .home: select(-shown.count)
        case .end: select(shown.count)
        case .character: return nil
        }
        arrange()
        return nil
    }

    private func wishToTurn() -> Wish? {
        guard let selected else { return nil }
        let torrent = shown[selected]
        return torrent.state == .paused || torrent.state == .failed
            ? .resume(torrent.id) : .pause(torrent.id)
    }

    private mutating func select(_ distance: Int) {
        guard let selected else { return }
        // Neither is more than the lines there are.
        selectedID = shown[min(max(selected + distance, 0), shown.count - 1)].id
    }

    private static func next<Element: Equatable>(
        after element: Element, in all: [Element]
    ) -> Element {
        let place = all.firstIndex(of: element) ?? -1
        return all[(place + 1) % all.count]
    }

    // MARK: - Lines

    /// As many lines as there are on the screen, at most, none of them too wide for it.
    mutating func lines(in room: LiveBlock) -> [StyledLine] {
        rows = max(1, room.height - Self.linesOfOthers)
        scroll()
        let inSight = Array(shown[top..<min(shown.count, top + rows)])
        let table = TorrentTable(inSight, width: room.width - 2, isUnicode: room.isUnicode)
        var lines = [title(room)]
        lines.append(Self.indented("  ", table.head))
        for (torrent, line) in zip(inSight, table.lines(inSight.indices)) {
            let isSelected = torrent.id == selectedID
            lines.append(Self.indented(isSelected ? (room.isUnicode ? "▸ " : "> ") : "  ", line))
        }
        lines.append(foot)
        let ellipsis: Character = room.isUnicode ? "…" : "~"
        return lines.prefix(max(1, room.height)).map {
            $0.clipped(to: max(1, room.width), ellipsis: ellipsis)
        }
    }

    /// Keeps the selected line in sight.
    private mutating func scroll() {
        let selected = selected ?? 0
        top = min(top, selected, max(0, shown.count - rows))
        if selected >= top + rows { top = selected - rows + 1 }
    }

    private func title(_ room: LiveBlock) -> StyledLine {
        var line = StyledLine("swarm", .bold)
        line.append(" \(terminalSafe(place))  ", .dim)
        line.append(sums.line(isUnicode: room.isUnicode))
        return line
    }

    private var foot: StyledLine {
        if let message { return StyledLine(terminalSafe(message), .bad) }
        var text = "q quit  p pause or resume  s sort: \(order.rawValue)"
        text += isReversed ? " (reversed)" : ""
        text += "  r reverse  f filter: \(filterState?.word ?? "all")"
        if shown.count != torrents.count { text += "  \(shown.count) of \(torrents.count) shown" }
        return StyledLine(text, .dim)
    }

    private static func indented(_ mark: String, _ line: StyledLine) -> StyledLine {
        line.spans.reduce(into: StyledLine(mark, .bold)) { $0.append($1.text, $1.style) }
    }
}
