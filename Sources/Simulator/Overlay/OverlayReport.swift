/// Figures as a table for people, and as JSON.
public struct OverlayReport: Sendable {
    private let options: OverlayComparison.Options

    public init(_ options: OverlayComparison.Options) { self.options = options }

    /// Columns with their widths; the first two are words.
    private static let columns: [(title: String, width: Int)] = [
        ("overlay", 12), ("dead", 5), ("nodes", 10), ("messages", 10), ("99 %", 10), ("hops", 7),
        ("99 %", 6), ("found", 8), ("contacts", 9), ("bytes", 8),
    ]

    /// What is compared, in one line.
    public var preamble: String {
        """
        \(groupedText(options.lookupCount)) lookups, each for one of \(options.holderCount) \
        holders; seed \(options.seed); links \(options.degree) a node; \
        flood \(options.floodTimeToLive) steps; \(options.walkerCount) walkers of \
        \(groupedText(options.walkTimeToLive)) steps
        """
    }

    /// The table's first line.
    public var head: String { Self.line(Self.columns.map(\.title)) }

    /// A line of the table.
    public func line(_ row: OverlayFigures) -> String {
        Self.line([
            row.kind.name, "\(row.deadPercent) %", groupedText(row.nodeCount),
            figureText(row.messagesMean), groupedText(row.messages99),
            row.foundCount > 0 ? figureText(row.hopsMean) : "–",
            row.foundCount > 0 ? groupedText(row.hops99) : "–",
            "\(decimalText(row.foundPercent, places: 1)) %",
            figureText(row.contactsMean), groupedText(row.stateByteCount),
        ])
    }

    private static func line(_ cells: [String]) -> String {
        var output = ""
        for (cell, column) in zip(cells, columns) {
            let padding = String(repeating: " ", count: max(0, column.width - cell.count))
            output += column.title == "overlay" ? cell + padding : padding + cell
        }
        return output
    }

    /// One object, in one line.
    public func json(_ rows: [OverlayFigures]) -> String {
        """
        {"seed":\(options.seed),"lookups":\(options.lookupCount),\
        "holders":\(options.holderCount),"degree":\(options.degree),\
        "floodTTL":\(options.floodTimeToLive),"walkers":\(options.walkerCount),\
        "walkTTL":\(options.walkTimeToLive),\
        "rows":[\(rows.map(json(of:)).joined(separator: ","))]}
        """
    }

    private func json(of row: OverlayFigures) -> String {
        let isFound = row.foundCount > 0
        return """
            {"overlay":"\(row.kind.rawValue)","nodes":\(row.nodeCount),\
            "deadPercent":\(row.deadPercent),"lookups":\(row.lookupCount),\
            "found":\(row.foundCount),"messages":\(decimalText(row.messagesMean, places: 3)),\
            "messages99":\(row.messages99),\
            "hops":\(isFound ? decimalText(row.hopsMean, places: 3) : "null"),\
            "hops99":\(isFound ? "\(row.hops99)" : "null"),\
            "contacts":\(decimalText(row.contactsMean, places: 3)),\
            "stateBytes":\(row.stateByteCount)}
            """
    }
}
