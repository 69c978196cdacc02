/// Writes JSON straight into bytes: for answers of ten thousand rows, where a tree of values would
/// cost more than the rows themselves. What is opened is closed by whoever opened it; commas come
/// by themselves.
public struct JSONWriter: Sendable {
    /// What is written, and room for more behind it.
    private var room: [UInt8] = []
    /// How much is written.
    public private(set) var count = 0
    /// Whether something stands before what comes next, so that a comma is due.
    private var needsComma = false

    public init(reservingBytes count: Int = 0) {
        if count > 0 { room = [UInt8](repeating: 0, count: count) }
    }

    public var bytes: [UInt8] { Array(room[..<count]) }

    /// What has been written since the last time, to be sent while the rest is written.
    public mutating func takeBytes() -> [UInt8] {
        let taken = bytes
        count = 0
        return taken
    }

    // MARK: Structure

    public mutating func beginObject() { open(UInt8(ascii: "{")) }
    public mutating func endObject() { close(UInt8(ascii: "}")) }
    public mutating func beginArray() { open(UInt8(ascii: "[")) }
    public mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The name of the member whose value is written next.
    public mutating func name(_ name: String) {
        string(name)
        needsComma = false
        word(":")
        needsComma = false
    }

    /// A name that was written by `encodedName` before, once for all rows.
    public mutating func name(encoded name: [UInt8]) {
        write(atMost: name.count) { place in
            name.withUnsafeBufferPointer { place.copy($0) }
            return name.count
        }
        needsComma = false
    }

    /// The name as it stands in the text, with its quotes and colon.
    public static func encodedName(_ name: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.name(name)
        return writer.bytes
    }

    // MARK: Values

    public mutating func null() { word("null") }
    public mutating func bool(_ value: Bool) { word(value ? "true" : "false") }

    @inlinable
    public mutating func integer(_ value: some BinaryInteger) {
        if let value = Int64(exactly: value) { whole(value) } else { digits("\(value)") }
    }

    @usableFromInline
    mutating func digits(_ text: String) { raw(text.utf8) }

    @usableFromInline
    mutating func whole(_ value: Int64) {
        write(atMost: Self.digitsMax) { place in
            place.putDecimal(value.magnitude, isNegative: value < 0)
        }
    }

    /// Null for what JSON has no number for.
    public mutating func number(_ value: Double) {
        guard value.isFinite else { return null() }
        // Most are whole: shares of what is complete, ratios of what was never asked for.
        guard let whole = Int64(exactly: value), whole.magnitude < 1 << 53,
            whole != 0 || value.sign == .plus
        else { return raw("\(value)".utf8) }
        write(atMost: Self.digitsMax + 2) { place in
            let count = place.putDecimal(whole.magnitude, isNegative: whole < 0)
            place[count] = UInt8(ascii: ".")
            place[count + 1] = UInt8(ascii: "0")
            return count + 2
        }
    }

    /// Escaped as `JSON.text` escapes it: nothing in it can steer a terminal.
    public mutating func string(_ text: String) {
        let isWritten =
            text.utf8.withContiguousStorageIfAvailable { utf8 in
                guard Self.isPlain(utf8) else { return false }
                write(atMost: utf8.count + 2) { place in
                    place[0] = UInt8(ascii: "\"")
                    UnsafeMutableBufferPointer(rebasing: place[1...]).copy(utf8)
                    place[utf8.count + 1] = UInt8(ascii: "\"")
                    return utf8.count + 2
                }
                return true
            } ?? false
        if !isWritten { escaped(text) }
    }

    /// The bytes as text of two digits each.
    public mutating func hexadecimal(_ bytes: UnsafeRawBufferPointer) {
        write(atMost: bytes.count * 2 + 2) { place in
            place[0] = UInt8(ascii: "\"")
            var end = 1
            for byte in bytes {
                place[end] = Self.hexDigit(byte >> 4)
                place[end + 1] = Self.hexDigit(byte & 0xF)
                end += 2
            }
            place[end] = UInt8(ascii: "\"")
            return end + 1
        }
    }

    public mutating func value(_ value: JSON) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): integer(value)
        case .number(let value): number(value)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            for member in members {
                name(member.name)
                self.value(member.value)
            }
            endObject()
        }
    }

    // MARK: Bytes

    /// Of a number of 64 bits, with its sign.
    private static let digitsMax = 20

    /// Writes what `put` puts into the place that it is given, after a comma if one is due. It
    /// tells how much that is.
    private mutating func write(
        atMost most: Int, _ put: (UnsafeMutableBufferPointer<UInt8>) -> Int
    ) {
        if room.count - count <= most { makeRoom(for: most + 1) }
        let (start, isAfter) = (count, needsComma)
        count = room.withUnsafeMutableBufferPointer { room in
            if isAfter { room[start] = UInt8(ascii: ",") }
            let begin = isAfter ? start + 1 : start
            return begin + put(UnsafeMutableBufferPointer(rebasing: room[begin...]))
        }
        needsComma = true
    }

    private mutating func makeRoom(for more: Int) {
        let wanted = max(room.count * 2, count + more, 256)
        room.append(contentsOf: repeatElement(0, count: wanted - room.count))
    }

    private mutating func open(_ bracket: UInt8) {
        write(atMost: 1) { place in
            place[0] = bracket
            return 1
        }
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        needsComma = false
        write(atMost: 1) { place in
            place[0] = bracket
            return 1
        }
    }

    private mutating func word(_ word: StaticString) {
        word.withUTF8Buffer { raw($0) }
    }

    private mutating func raw(_ bytes: some Collection<UInt8>) {
        write(atMost: bytes.count) { place in
            _ = place.update(fromContentsOf: bytes)
            return bytes.count
        }
    }

    /// Whether all of it is ASCII that stands for itself between quotes, and cannot steer a
    /// terminal. Without a way out, so that many bytes are looked at in one step.
    private static func isPlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var others: UInt8 = 0
        for byte in bytes { others |= isPlain(byte) ? 0 : 1 }
        return others == 0
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    private mutating func escaped(_ text: String) {
        var bytes: [UInt8] = [UInt8(ascii: "\"")]
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": bytes.append(contentsOf: #"\""#.utf8)
            case "\\": bytes.append(contentsOf: #"\\"#.utf8)
            case "\n": bytes.append(contentsOf: #"\n"#.utf8)
            case "\r": bytes.append(contentsOf: #"\r"#.utf8)
            case "\t": bytes.append(contentsOf: #"\t"#.utf8)
            case _ where scalar.isASCII && Self.isPlain(UInt8(truncatingIfNeeded: scalar.value)):
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            case _ where scalar.isUnsafeInTerminal:
                for unit in String(scalar).utf16 { bytes += Self.escape(unit) }
            default:
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        raw(bytes)
    }

    private static func escape(_ unit: UInt16) -> [UInt8] {
        let digits = [12, 8, 4, 0].map { hexDigit(UInt8(truncatingIfNeeded: unit >> $0) & 0xF) }
        return [UInt8(ascii: "\\"), UInt8(ascii: "u")] + digits
    }

    private static func hexDigit(_ digit: UInt8) -> UInt8 {
        digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }
}

extension UnsafeMutableBufferPointer<UInt8> {
    fileprivate func copy(_ bytes: UnsafeBufferPointer<UInt8>) {
        _ = update(fromContentsOf: bytes)
    }

    /// Puts the number at the beginning; tells its digits, with the sign.
    fileprivate func putDecimal(_ value: UInt64, isNegative: Bool) -> Int {
        var (rest, end) = (value, 0)
        repeat {
            self[end] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            end += 1
        } while rest > 0
        if isNegative {
            self[end] = UInt8(ascii: "-")
            end += 1
        }
        for index in 0..<(end / 2) { swapAt(index, end - 1 - index) }
        return end
    }
}
