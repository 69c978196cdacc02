import Testing

@testable import Simulator

@Suite struct OverlayPlotTests {
    private func row(
        _ kind: OverlayKind, nodes: Int, dead: Int = 0, messages: Double, found: Int = 100
    ) -> OverlayFigures {
        OverlayFigures(
            kind: kind, nodeCount: nodes, deadPercent: dead, lookupCount: 100, foundCount: found,
            messagesMean: messages, messages99: Int(messages), hopsMean: 2, hops99: 3,
            contactsMean: 20, stateByteCount: 520)
    }

    private var rows: [OverlayFigures] {
        OverlayKind.allCases.flatMap { kind in
            [100, 1_000, 10_000].flatMap { nodes in
                [
                    row(kind, nodes: nodes, messages: Double(nodes) / 3),
                    row(kind, nodes: nodes, dead: 30, messages: Double(nodes), found: 60),
                ]
            }
        }
    }

    @Test func isWellFormed() throws {
        let plot = try #require(OverlayPlot(rows, OverlayComparison.Options()))
        let elements = try XMLReader.elements(of: plot.document)
        #expect(elements.first == "svg")
        // A curve for each overlay in both parts.
        #expect(elements.count { $0 == "polyline" } == 8)
        #expect(plot.document == OverlayPlot(rows, OverlayComparison.Options())?.document)
    }

    @Test func readsOnDarkGroundToo() throws {
        let plot = try #require(OverlayPlot(rows, OverlayComparison.Options()))
        #expect(plot.document.contains("@media (prefers-color-scheme: dark)"))
        for kind in OverlayKind.allCases {
            #expect(plot.document.contains(">\(kind.name)</text>"))
            #expect(plot.document.contains(".line.\(kind.rawValue)"))
        }
    }

    @Test func keepsCurvesWithinThePicture() throws {
        let steep = [
            row(.flooding, nodes: 64, messages: 0), row(.chord, nodes: 4_000_000, messages: 9e9),
        ]
        let plot = try #require(OverlayPlot(steep, OverlayComparison.Options()))
        for part in plot.document.split(separator: "points=\"").dropFirst() {
            for pair in part.prefix(while: { $0 != "\"" }).split(separator: " ") {
                let place = pair.split(separator: ",").compactMap { Double($0) }
                try #require(place.count == 2)
                #expect((0...860).contains(place[0]) && (0...672).contains(place[1]))
            }
        }
    }

    @Test func drawsNothingFromNothing() {
        #expect(OverlayPlot([], OverlayComparison.Options()) == nil)
    }

    @Test func escapesWhatMarkupIsMadeOf() throws {
        var root = SVGElement("g", ["class": "a\"b<c>&d'\u{1}"])
        root.append(SVGElement("text", text: "<script>\u{0}&amp;]]>"))
        #expect(try XMLReader.elements(of: root.document) == ["g", "text"])
        #expect(root.document.contains("&lt;script&gt;\u{FFFD}&amp;amp;]]&gt;"))
    }

    @Test func theReaderRefusesWhatIsNotWellFormed() {
        for bad in ["<a>", "<a></b>", "<a x=1/>", "<a x=\"<\"/>", "<a>&</a>", "<a/><b/>", "a", ""] {
            #expect(throws: XMLReader.Malformed.self, "\(bad)") {
                try XMLReader.elements(of: bad)
            }
        }
    }
}

/// Enough of XML 1.0 to say whether a document of elements and text is well formed.
struct XMLReader {
    struct Malformed: Error {
        let place: Int
    }

    private var rest: Substring
    private var place = 0
    private var names: [String] = []

    /// The names of all elements, in the order in which they begin.
    static func elements(of document: String) throws -> [String] {
        var reader = XMLReader(rest: document[...])
        try reader.element()
        try reader.skipSpace()
        guard reader.rest.isEmpty else { throw reader.malformed }
        return reader.names
    }

    private init(rest: Substring) { self.rest = rest }

    private var malformed: Malformed { Malformed(place: place) }

    private mutating func take(_ text: String) -> Bool {
        guard rest.hasPrefix(text) else { return false }
        rest = rest.dropFirst(text.count)
        place += text.count
        return true
    }

    private mutating func expect(_ text: String) throws {
        guard take(text) else { throw malformed }
    }

    private mutating func name() throws -> String {
        let name = rest.prefix { $0.isLetter || $0.isNumber || "-:_".contains($0) }
        guard let first = name.first, first.isLetter else { throw malformed }
        _ = take(String(name))
        return String(name)
    }

    private mutating func skipSpace() throws {
        while let first = rest.first, first.isWhitespace { _ = take(String(first)) }
    }

    private mutating func element() throws {
        try expect("<")
        let name = try name()
        names.append(name)
        try skipSpace()
        var attributes: Set<String> = []
        while !rest.hasPrefix("/"), !rest.hasPrefix(">") {
            guard attributes.insert(try self.name()).inserted else { throw malformed }
            try expect("=\"")
            try text(endingAt: "\"")
            try expect("\"")
            try skipSpace()
        }
        if take("/>") { return }
        try expect(">")
        while true {
            try text(endingAt: "<")
            if take("</") { break }
            try element()
        }
        guard try self.name() == name else { throw malformed }
        try expect(">")
    }

    private mutating func text(endingAt end: Character) throws {
        while let first = rest.first, first != end {
            guard first != "<" else { throw malformed }
            if first == "&" {
                let entities = ["&amp;", "&lt;", "&gt;", "&quot;"]
                guard let entity = entities.first(where: { rest.hasPrefix($0) }) else {
                    throw malformed
                }
                _ = take(entity)
            } else {
                let isAllowed = first.unicodeScalars.allSatisfy {
                    $0.value >= 0x20 || $0 == "\n" || $0 == "\t"
                }
                guard isAllowed else { throw malformed }
                _ = take(String(first))
            }
        }
        guard !rest.isEmpty else { throw malformed }
    }
}
