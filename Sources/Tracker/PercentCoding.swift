/// Percent-encoding of raw bytes (RFC 3986, section 2.1).
enum PercentCoding {
    /// `bytes` with all but ASCII letters, digits, `-`, `.` and `_` as `%XX`. `~` is encoded too,
    /// as old decoders disagree about it.
    static func encoded(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        for byte in bytes { isPlain(byte) ? text.append(byte) : append(byte, to: &text) }
        return String(decoding: text, as: UTF8.self)
    }

    /// A path or a query in which only bytes stand that may (RFC 3986, sections 3.3 and 3.4):
    /// escapes stay as they are, a `%` that begins none and all other bytes become escapes.
    static func normalized(_ part: some StringProtocol) -> String {
        let bytes = Array(part.utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count)
        for (offset, byte) in bytes.enumerated() {
            let isEscape =
                byte == UInt8(ascii: "%") && offset + 2 < bytes.count
                && digit(bytes[offset + 1]) != nil && digit(bytes[offset + 2]) != nil
            isEscape || isPlain(byte) || delimiters.contains(byte)
                ? text.append(byte) : append(byte, to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A path in normal form, without `.` and `..` (RFC 3986, section 5.2.4), also where these
    /// are escaped: what a rule about paths sees is then what the server sees.
    static func normalizedPath(_ path: some StringProtocol) -> String {
        let normal = normalized(path)
        guard normal.contains(".") || normal.lowercased().contains("%2e") else { return normal }
        var kept: [Substring] = []
        let parts = normal.split(separator: "/", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            switch String(decoding: decoded(part), as: UTF8.self) {
            case ".": if isLast { kept.append("") }
            case "..":
                if kept.count > 1 { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(part)
            }
        }
        return kept.joined(separator: "/")
    }

    /// The bytes that `part` stands for; a `%` that begins no escape stands for itself.
    static func decoded(_ part: some StringProtocol) -> [UInt8] {
        let bytes = Array(part.utf8)
        var plain: [UInt8] = []
        var offset = 0
        while offset < bytes.count {
            if bytes[offset] == UInt8(ascii: "%"), offset + 2 < bytes.count,
                let high = digit(bytes[offset + 1]), let low = digit(bytes[offset + 2])
            {
                plain.append(high << 4 | low)
                offset += 3
            } else {
                plain.append(bytes[offset])
                offset += 1
            }
        }
        return plain
    }

    private static let delimiters = Set("!$&'()*+,;=:@/?~".utf8)

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func append(_ byte: UInt8, to text: inout [UInt8]) {
        let digits = Array("0123456789ABCDEF".utf8)
        text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
