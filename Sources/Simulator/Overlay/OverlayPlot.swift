/// The comparison as a picture: above, messages against nodes, both logarithmic; below, how many
/// lookups found a holder when the greatest share of nodes is dead. Readable on light and on dark.
public struct OverlayPlot: Sendable {
    private let rows: [OverlayFigures]
    private let holderCount: Int

    /// Shares of dead nodes that the two parts show.
    private let leastDead: Int
    private let mostDead: Int

    /// `nil` if there is nothing to show.
    public init?(_ rows: [OverlayFigures], _ options: OverlayComparison.Options) {
        guard let leastDead = rows.map(\.deadPercent).min(),
            let mostDead = rows.map(\.deadPercent).max()
        else { return nil }
        self.rows = rows
        self.holderCount = options.holderCount
        self.leastDead = leastDead
        self.mostDead = mostDead
    }

    private static let width = 860.0
    private static let height = 672.0
    private static let horizontal = 84.0...712.0
    private static let upper = 124.0...432.0
    private static let lower = 502.0...602.0

    /// An SVG document.
    public var document: String {
        var root = SVGElement(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": "0 0 \(Int(Self.width)) \(Int(Self.height))",
                "width": Int(Self.width), "height": Int(Self.height), "role": "img",
            ])
        root.append(SVGElement("title", text: "Messages of a lookup against the number of nodes"))
        root.append(SVGElement("style", text: PlotStyle.sheet))
        root.append(
            SVGElement(
                "rect", ["class": "ground", "width": Self.width, "height": Self.height, "rx": 10]))
        drawHeading(in: &root)
        let nodes = LogarithmicScale(rows.map { Double($0.nodeCount) }, onto: Self.horizontal)
        drawMessages(nodes, in: &root)
        drawFound(nodes, in: &root)
        for tick in nodes.ticks {
            root.append(label(tick.text, nodes.place(of: tick.value), 622, "tick", "middle"))
        }
        root.append(label("nodes", Self.middle, 648, "note", "middle"))
        return root.document
    }

    private static var middle: Double { (horizontal.lowerBound + horizontal.upperBound) / 2 }

    // MARK: - The parts

    private func drawHeading(in root: inout SVGElement) {
        root.append(
            label("What it takes to find one of \(holderCount) holders", 24, 38, "title"))
        let share = leastDead == 0 ? "all nodes alive" : "\(leastDead) % of the nodes dead"
        root.append(
            label(
                "Messages of one lookup, \(share). Both axes are logarithmic. "
                    + "Hollow: fewer than 99 % of lookups found one.", 24, 61, "note"))
        var x = 84.0
        for kind in OverlayKind.allCases {
            root.append(line(from: (x, 92), to: (x + 30, 92), "line \(kind.rawValue)"))
            root.append(mark(kind, x + 15, 92, isHollow: false))
            root.append(label(kind.name, x + 38, 96.5, "legend"))
            // About the width of the name, the line before it and some air.
            x += 66 + 6.8 * Double(kind.name.count)
        }
        root.append(line(from: (x, 92), to: (x + 30, 92), "reference"))
        root.append(label("every node once", x + 38, 96.5, "legend faint"))
    }

    private func drawMessages(_ nodes: LogarithmicScale, in root: inout SVGElement) {
        let shown = rows.filter { $0.deadPercent == leastDead }
        let values = shown.map { max($0.messagesMean, 1) } + shown.map { Double($0.nodeCount) }
        let messages = LogarithmicScale(values, onto: Self.upper, isRising: false)
        drawGrid(nodes.ticks.map { nodes.place(of: $0.value) }, Self.upper, in: &root)
        for tick in messages.ticks {
            let y = messages.place(of: tick.value)
            root.append(line(from: (Self.left, y), to: (Self.right, y), "grid"))
            root.append(label(tick.text, Self.left - 10, y + 4, "tick", "end"))
        }
        if let least = nodes.range.first, let most = nodes.range.last {
            root.append(
                line(
                    from: (nodes.place(of: least), messages.place(of: least)),
                    to: (nodes.place(of: most), messages.place(of: most)), "reference"))
        }
        var ends: [EndLabel] = []
        for kind in OverlayKind.allCases.reversed() {
            let points = shown.filter { $0.kind == kind }.map { row in
                PlotPoint(
                    x: nodes.place(of: Double(row.nodeCount)),
                    y: messages.place(of: max(row.messagesMean, 1)),
                    isHollow: row.foundPercent < 99)
            }
            draw(kind, points, in: &root)
            guard let end = points.last, let row = shown.last(where: { $0.kind == kind })
            else { continue }
            ends.append(EndLabel(kind: kind, y: end.y, text: figureText(row.messagesMean)))
        }
        draw(ends, in: &root)
    }

    private func drawFound(_ nodes: LogarithmicScale, in root: inout SVGElement) {
        let shown = rows.filter { $0.deadPercent == mostDead }
        let condition =
            mostDead == 0
            ? "all nodes alive" : "\(mostDead) % of the nodes dead and nobody aware of it"
        root.append(label("Lookups that found a holder, \(condition)", 24, 476, "note"))
        drawGrid(nodes.ticks.map { nodes.place(of: $0.value) }, Self.lower, in: &root)
        let height = Self.lower.upperBound - Self.lower.lowerBound
        for percent in [0, 50, 100] {
            let y = Self.lower.upperBound - height * Double(percent) / 100
            root.append(line(from: (Self.left, y), to: (Self.right, y), "grid"))
            root.append(label("\(percent) %", Self.left - 10, y + 4, "tick", "end"))
        }
        var ends: [EndLabel] = []
        for kind in OverlayKind.allCases.reversed() {
            let points = shown.filter { $0.kind == kind }.map { row in
                PlotPoint(
                    x: nodes.place(of: Double(row.nodeCount)),
                    y: Self.lower.upperBound - height * row.foundPercent / 100,
                    isHollow: row.foundPercent < 99)
            }
            draw(kind, points, in: &root)
            guard let end = points.last, let row = shown.last(where: { $0.kind == kind })
            else { continue }
            ends.append(
                EndLabel(
                    kind: kind, y: end.y, text: "\(figureText(row.foundPercent)) %"))
        }
        draw(ends, in: &root)
    }

    // MARK: - What they are made of

    private struct PlotPoint {
        let x: Double
        let y: Double
        let isHollow: Bool
    }

    private struct EndLabel {
        let kind: OverlayKind
        var y: Double
        let text: String
    }

    private static var left: Double { horizontal.lowerBound }
    private static var right: Double { horizontal.upperBound }

    private func drawGrid(
        _ places: [Double], _ part: ClosedRange<Double>, in root: inout SVGElement
    ) {
        for x in places {
            root.append(line(from: (x, part.lowerBound), to: (x, part.upperBound), "grid"))
        }
    }

    private func draw(_ kind: OverlayKind, _ points: [PlotPoint], in root: inout SVGElement) {
        let path = points.map { "\($0.x.svgText),\($0.y.svgText)" }.joined(separator: " ")
        root.append(
            SVGElement("polyline", ["class": "line \(kind.rawValue)", "points": path]))
        for point in points {
            root.append(mark(kind, point.x, point.y, isHollow: point.isHollow))
        }
    }

    /// The values at the right ends, moved apart where they would lie upon each other.
    private func draw(_ ends: [EndLabel], in root: inout SVGElement) {
        let gap = 17.0
        var placed = ends.reversed().sorted { $0.y < $1.y }
        for index in placed.indices.dropFirst() {
            placed[index].y = max(placed[index].y, placed[index - 1].y + gap)
        }
        for end in placed {
            root.append(label(end.text, Self.right + 18, end.y + 4.5, "value \(end.kind.rawValue)"))
        }
    }

    /// Each kind has a shape of its own, for those who do not tell the colours apart.
    private func mark(_ kind: OverlayKind, _ x: Double, _ y: Double, isHollow: Bool) -> SVGElement {
        let style = "mark \(kind.rawValue)\(isHollow ? " hollow" : "")"
        let corners: [(Double, Double)]
        switch kind {
        case .kademlia:
            return SVGElement("circle", ["class": style, "cx": x, "cy": y, "r": 5.5])
        case .chord: corners = [(-4.7, -4.7), (4.7, -4.7), (4.7, 4.7), (-4.7, 4.7)]
        case .flooding: corners = [(0, -6.5), (6.2, 4.8), (-6.2, 4.8)]
        case .walks: corners = [(0, -6.6), (6.6, 0), (0, 6.6), (-6.6, 0)]
        }
        let points = corners.map { "\((x + $0.0).svgText),\((y + $0.1).svgText)" }
        return SVGElement(
            "polygon", ["class": style, "points": points.joined(separator: " ")])
    }

    private func line(
        from start: (Double, Double), to end: (Double, Double), _ style: String
    ) -> SVGElement {
        SVGElement(
            "line", ["class": style, "x1": start.0, "y1": start.1, "x2": end.0, "y2": end.1])
    }

    private func label(
        _ text: String, _ x: Double, _ y: Double, _ style: String, _ anchor: String = "start"
    ) -> SVGElement {
        SVGElement("text", ["class": style, "x": x, "y": y, "text-anchor": anchor], text: text)
    }
}
