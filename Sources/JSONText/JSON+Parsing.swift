extension JSON {
    /// Reads one value (RFC 8259): bounded in depth and number, and strict. A name that stands in
    /// an object twice is refused, since two readers could take either.
    public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
        var parser = JSONParser(Array(bytes))
        self = try parser.document()
    }

    public init(parsing text: String) throws(JSONError) { try self.init(parsing: text.utf8) }
}

private struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0
    private var valueCount = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw error(.trailingBytes) }
        return value
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        skipSpace()
        valueCount += 1
        guard valueCount <= Limits.valueCountMax else { throw error(.tooManyValues) }
        switch try peek() {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        guard depth <= Limits.depthMax else { throw error(.tooDeep) }
        var members: [JSON.Member] = []
        var names: Set<String> = []
        position += 1
        skipSpace()
        guard try !take("}") else { return .object([]) }
        repeat {
            skipSpace()
            let start = position
            guard try peek() == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
            let name = try string()
            guard names.insert(name).inserted else {
                throw JSONError(problem: .duplicateMember(name), offset: start)
            }
            skipSpace()
            guard try take(":") else { throw error(.unexpectedByte) }
            members.append((name, try value(depth: depth)))
            skipSpace()
        } while try take(",")
        guard try take("}") else { throw error(.unexpectedByte) }
        return .object(members)
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        guard depth <= Limits.depthMax else { throw error(.tooDeep) }
        var elements: [JSON] = []
        position += 1
        skipSpace()
        guard try !take("]") else { return .array([]) }
        repeat {
            elements.append(try value(depth: depth))
            skipSpace()
        } while try take(",")
        guard try take("]") else { throw error(.unexpectedByte) }
        return .array(elements)
    }

    private mutating func word(
        _ word: StaticString, _ value: JSON
    ) throws(JSONError) -> JSON {
        let letters = word.withUTF8Buffer { Array($0) }
        guard bytes[position...].starts(with: letters) else { throw error(.unexpectedByte) }
        position += letters.count
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        _ = takeIfThere("-")
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        guard isDigit(bytes[position]) else { throw error(.unexpectedByte) }
        if !takeIfThere("0") { skipDigits() }
        var isWhole = true
        if takeIfThere(".") {
            isWhole = false
            try digits()
        }
        if takeIfThere("e") || takeIfThere("E") {
            isWhole = false
            if !takeIfThere("+") { _ = takeIfThere("-") }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            throw JSONError(problem: .badNumber, offset: start)
        }
        return .number(number)
    }

    private mutating func digits() throws(JSONError) {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        guard isDigit(bytes[position]) else { throw error(.badNumber) }
        skipDigits()
    }

    private mutating func skipDigits() {
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        let start = position
        position += 1
        var text: [UInt8] = []
        while true {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw JSONError(problem: .badUTF8, offset: start)
                }
                return string
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error(.unexpectedByte)
            default:
                text.append(byte)
                position += 1
            }
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        position += 1
        let byte = try peek()
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += String(try scalar()).utf8
        default: throw JSONError(problem: .badEscape, offset: position - 1)
        }
    }

    /// The scalar of one `\u`, or of a pair of them. Half a pair is nothing.
    private mutating func scalar() throws(JSONError) -> Unicode.Scalar {
        let start = position
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard UTF16.isLeadSurrogate(first), takeIfThere("\\"), takeIfThere("u") else {
            throw JSONError(problem: .badEscape, offset: start)
        }
        let second = try hexadecimal()
        guard UTF16.isTrailSurrogate(second) else {
            throw JSONError(problem: .badEscape, offset: start)
        }
        let (high, low) = (UInt32(first & 0x3FF), UInt32(second & 0x3FF))
        guard let scalar = Unicode.Scalar(0x10000 + high << 10 + low) else {
            throw JSONError(problem: .badEscape, offset: start)
        }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt16 {
        guard bytes.count - position >= 4 else { throw error(.unexpectedEnd) }
        var value: UInt16 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error(.badEscape)
            }
            value = value << 4 | UInt16(digit)
        }
        position += 4
        return value
    }

    // MARK: Bytes

    private func peek() throws(JSONError) -> UInt8 {
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        return bytes[position]
    }

    private mutating func take(_ character: Unicode.Scalar) throws(JSONError) -> Bool {
        guard try peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func takeIfThere(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else {
            return false
        }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func error(_ problem: JSONError.Problem) -> JSONError {
        JSONError(problem: problem, offset: position)
    }
}
