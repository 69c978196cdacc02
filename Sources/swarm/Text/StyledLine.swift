/// How a piece of a line looks where colours are allowed.
enum Style: Sendable, Equatable {
    case plain
    case bold
    case dim
    case good
    case warning
    case bad

    /// The parameters of "select graphic rendition" (ECMA-48, 8.3.117).
    fileprivate var code: String? {
        switch self {
        case .plain: nil
        case .bold: "1"
        case .dim: "2"
        case .good: "32"
        case .warning: "33"
        case .bad: "31"
        }
    }
}

/// A line in pieces of one style each. The width is counted without the styles.
struct StyledLine: Equatable, Sendable, ExpressibleByStringLiteral {
    private(set) var spans: [(text: String, style: Style)] = []

    init() {}
    init(stringLiteral text: String) { self.init(text) }
    init(_ text: String, _ style: Style = .plain) { append(text, style) }

    static func == (a: StyledLine, b: StyledLine) -> Bool {
        a.spans.elementsEqual(b.spans) { $0 == $1 }
    }

    /// Neighbours of one style become one span.
    mutating func append(_ text: String, _ style: Style = .plain) {
        guard !text.isEmpty else { return }
        if let last = spans.indices.last, spans[last].style == style {
            spans[last].text += text
        } else {
            spans.append((text, style))
        }
    }

    var columns: Int { spans.reduce(0) { $0 + $1.text.columns } }
    var plainText: String { spans.map(\.text).joined() }

    func clipped(to columns: Int, ellipsis: Character = "…") -> StyledLine {
        guard self.columns > columns else { return self }
        var line = StyledLine()
        var left = columns
        for span in spans where left > 0 {
            let width = span.text.columns
            if width < left {
                line.append(span.text, span.style)
                left -= width
            } else {
                // Something follows or is cut, so that the ellipsis is due in any case.
                let text = swarm.clipped(span.text + " ", to: left, ellipsis: ellipsis)
                line.append(text, span.style)
                left = 0
            }
        }
        return line
    }

    /// The text to write, with colours if they are wanted.
    func rendered(withColour: Bool) -> String {
        guard withColour else { return plainText }
        return spans.reduce(into: "") { out, span in
            guard let code = span.style.code else { return out += span.text }
            out += "\u{1B}[\(code)m\(span.text)\u{1B}[0m"
        }
    }
}
