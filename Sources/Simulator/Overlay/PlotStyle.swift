/// How the picture looks, on light ground and on dark.
enum PlotStyle {
    /// A sheet of CSS. Colours are those that people with any eyes tell apart (Okabe and Ito).
    static let sheet = """

        text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", \
        "DejaVu Sans", sans-serif; font-size: 13px; fill: #1f2328 }
        .title { font-size: 20px; font-weight: 600 }
        .note, .faint, .tick { fill: #59636e }
        .tick { font-size: 12px }
        .value { font-weight: 600 }
        .ground { fill: #ffffff }
        .grid { stroke: #d1d9e0; stroke-width: 1 }
        .reference { stroke: #818b98; stroke-width: 1.5; stroke-dasharray: 2 5; \
        stroke-linecap: round }
        .line { fill: none; stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round }
        .line.kademlia { stroke-width: 3.6 }
        .mark { stroke-width: 2; stroke-linejoin: round }
        \(colours([
            (.kademlia, "#0072b2"), (.chord, "#8a5fb0"), (.flooding, "#d55e00"),
            (.walks, "#00805e"),
        ], ground: "#ffffff"))
        @media (prefers-color-scheme: dark) {
        text { fill: #f0f6fc }
        .note, .faint, .tick { fill: #9198a1 }
        .ground { fill: #0d1117 }
        .grid { stroke: #2b323b }
        .reference { stroke: #7d8590 }
        \(colours([
            (.kademlia, "#56b4e9"), (.chord, "#c297ea"), (.flooding, "#ff8f4a"),
            (.walks, "#3fc99b"),
        ], ground: "#0d1117"))
        }

        """

    private static func colours(
        _ colours: [(kind: OverlayKind, colour: String)], ground: String
    ) -> String {
        colours.map { kind, colour in
            """
            .line.\(kind.rawValue) { stroke: \(colour) }
            .mark.\(kind.rawValue) { fill: \(colour); stroke: \(colour) }
            .mark.\(kind.rawValue).hollow { fill: \(ground) }
            .value.\(kind.rawValue) { fill: \(colour) }
            """
        }
        .joined(separator: "\n")
    }
}

/// From numbers to places, by their logarithms; whole decades.
struct LogarithmicScale {
    struct Tick {
        let value: Double
        let text: String
    }

    let ticks: [Tick]
    private let extent: ClosedRange<Double>
    private let isRising: Bool
    private let first: Int
    private let last: Int

    /// - Parameters:
    ///   - values: what must have a place; each at least 1.
    ///   - isRising: whether greater numbers have greater places.
    init(_ values: [Double], onto extent: ClosedRange<Double>, isRising: Bool = true) {
        let least = values.min() ?? 1
        let most = values.max() ?? 1
        var first = 0
        while first < 15, Self.power(first + 1) <= least { first += 1 }
        var last = first + 1
        while last < 16, Self.power(last) < most { last += 1 }
        self.first = first
        self.last = last
        self.extent = extent
        self.isRising = isRising
        self.ticks = (first...last).map { Tick(value: Self.power($0), text: Self.text($0)) }
    }

    /// The least and the greatest number that have a place.
    var range: [Double] { [Self.power(first), Self.power(last)] }

    func place(of value: Double) -> Double {
        let share = (decimalLogarithm(value) - Double(first)) / Double(last - first)
        let length = extent.upperBound - extent.lowerBound
        return isRising
            ? extent.lowerBound + share * length : extent.upperBound - share * length
    }

    private static func power(_ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * 10 }
    }

    /// `1`, `10`, `100`, `1 k`, … `1 M`, …
    private static func text(_ exponent: Int) -> String {
        let units = ["", " k", " M", " G", " T", " P"]
        let digits = String(Int(power(exponent % 3)))
        return digits + units[min(exponent / 3, units.count - 1)]
    }
}
