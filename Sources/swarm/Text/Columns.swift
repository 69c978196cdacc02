extension Character {
    /// The columns that a terminal gives the character: 0, 1 or 2.
    var columns: Int {
        guard let first = unicodeScalars.first else { return 0 }
        if first.isASCII { return first.value < 0x20 || first.value == 0x7F ? 0 : 1 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        // An emoji presentation selector makes a narrow symbol wide.
        if unicodeScalars.contains("\u{FE0F}") { return 2 }
        return first.properties.isEmojiPresentation || first.isEastAsianWide ? 2 : 1
    }
}

extension Unicode.Scalar {
    /// Wide and fullwidth by Unicode's EastAsianWidth, in blocks.
    fileprivate var isEastAsianWide: Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x16FE0...0x18CFF, 0x1AFF0...0x1B2FF,
            0x20000...0x3FFFD:
            true
        default: false
        }
    }
}

extension StringProtocol {
    /// The columns that a terminal gives the text.
    var columns: Int { reduce(0) { $0 + $1.columns } }
}

/// `text` cut to at most `columns`, with an ellipsis where something is missing.
func clipped(_ text: String, to columns: Int, ellipsis: Character = "…") -> String {
    guard columns > 0 else { return "" }
    guard text.columns > columns else { return text }
    var kept = ""
    var used = 0
    for character in text {
        guard used + character.columns < columns else { break }
        kept.append(character)
        used += character.columns
    }
    kept.append(ellipsis)
    return kept
}

/// `text` with spaces before it, up to `columns`.
func padded(left text: String, to columns: Int) -> String {
    String(repeating: " ", count: max(0, columns - text.columns)) + text
}

/// `text` with spaces after it, up to `columns`.
func padded(right text: String, to columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - text.columns))
}
