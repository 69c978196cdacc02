/// Text from strangers that people will read, in a terminal, a log or a page.
enum TrackerText {
    /// At most 256 bytes of `bytes` as text in which nothing can move a cursor, turn a line
    /// around or break it: control, format and separator characters become U+FFFD.
    static func clean(_ bytes: some Sequence<UInt8>) -> String {
        let kept = bytes.prefix(Limits.textByteCountMax)
        var text = String.UnicodeScalarView()
        var byteCount = 0
        for scalar in String(decoding: Array(kept), as: UTF8.self).unicodeScalars {
            let shown = isHarmful(scalar) ? "\u{FFFD}" : scalar
            byteCount += UTF8.width(shown)
            guard byteCount <= Limits.textByteCountMax else { break }
            text.append(shown)
        }
        return String(text)
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
            .unassigned:
            true
        default: false
        }
    }
}
