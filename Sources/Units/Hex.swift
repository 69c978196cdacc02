private let hexDigits: StaticString = "0123456789abcdef"

/// Lower-case hexadecimal text of `bytes`.
public func hexText(_ bytes: some Collection<UInt8>) -> String {
    String(unsafeUninitializedCapacity: bytes.count * 2) { text in
        var end = 0
        for byte in bytes {
            text[end] = hexDigits.utf8Start[Int(byte >> 4)]
            text[end + 1] = hexDigits.utf8Start[Int(byte & 15)]
            end += 2
        }
        return end
    }
}

/// The bytes that hexadecimal `text` spells, in either case; `nil` for an odd number of digits or
/// anything that is not a digit.
public func bytes(fromHex text: some StringProtocol) -> [UInt8]? {
    let digits = text.utf8
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    var high: UInt8?
    for digit in digits {
        guard let value = hexValue(digit) else { return nil }
        if let first = high {
            bytes.append(first << 4 | value)
            high = nil
        } else {
            high = value
        }
    }
    return bytes
}

/// What the hexadecimal digit is worth.
func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
}
