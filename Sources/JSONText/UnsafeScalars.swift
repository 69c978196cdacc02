extension Unicode.Scalar {
    /// Whether writing it to a terminal could move the cursor, change colours, reorder the line or
    /// hide text: controls, line separators, and formatting characters such as the bidirectional
    /// overrides. Joiners are allowed: scripts and emoji need them.
    public var isUnsafeInTerminal: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: return true
        case .format: return self != "\u{200C}" && self != "\u{200D}"
        default: return false
        }
    }
}

extension String {
    /// The text with everything that could steer a terminal spelt out: `\u{202e}`.
    public var escapedForTerminal: String {
        guard unicodeScalars.contains(where: \.isUnsafeInTerminal) else { return self }
        var safe = ""
        for scalar in unicodeScalars {
            switch scalar {
            case "\n": safe += "\\n"
            case "\r": safe += "\\r"
            case "\t": safe += "\\t"
            case _ where scalar.isUnsafeInTerminal:
                safe += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }
}
