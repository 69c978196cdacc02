/// An element of an SVG picture. What it writes is well formed: names are ours, values and text are
/// escaped.
struct SVGElement {
    private let name: StaticString
    private var attributes: [(name: StaticString, value: String)] = []
    private var children: [SVGElement] = []
    private var text: String?

    init(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, any SVGValue> = [:]) {
        self.name = name
        self.attributes = attributes.map { ($0.key, $0.value.svgText) }
    }

    init(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, any SVGValue> = [:],
        text: String
    ) {
        self.init(name, attributes)
        self.text = text
    }

    mutating func append(_ child: SVGElement) { children.append(child) }

    /// The whole picture as XML 1.0 in UTF-8.
    var document: String {
        var output = ""
        write(to: &output, depth: 0)
        return output
    }

    private func write(to output: inout String, depth: Int) {
        output += String(repeating: "  ", count: depth) + "<\(name)"
        for attribute in attributes {
            output += " \(attribute.name)=\"\(Self.escaped(attribute.value))\""
        }
        if let text {
            output += ">\(Self.escaped(text))</\(name)>\n"
        } else if children.isEmpty {
            output += "/>\n"
        } else {
            output += ">\n"
            for child in children { child.write(to: &output, depth: depth + 1) }
            output += String(repeating: "  ", count: depth) + "</\(name)>\n"
        }
    }

    /// Without what markup is made of, and without what XML cannot say at all.
    private static func escaped(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "\n", "\t": output.unicodeScalars.append(scalar)
            case "\0"..<" ", "\u{FFFE}"..."\u{FFFF}": output += "\u{FFFD}"
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }
}

/// What may stand as the value of an attribute.
protocol SVGValue {
    var svgText: String { get }
}

extension String: SVGValue {
    var svgText: String { self }
}

extension Int: SVGValue {
    var svgText: String { String(self) }
}

extension Double: SVGValue {
    /// With one decimal, which is enough for places in a picture.
    var svgText: String { decimalText(self, places: 1) }
}
