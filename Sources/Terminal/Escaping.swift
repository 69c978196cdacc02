import JSONText

/// `text` with everything that could steer a terminal spelt out: `\u{202e}`. For all words that
/// come from a torrent, a tracker, a peer or the system.
public func terminalSafe(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: \.isUnsafeInTerminal) else { return text }
    var safe = ""
    for scalar in text.unicodeScalars {
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
