/// A value to build and to encode (BEP 3, "bencoding").
public indirect enum Bencode: Hashable, Sendable {
    case integer(Int64)
    case bytes([UInt8])
    case list([Bencode])
    case dictionary([[UInt8]: Bencode])
    /// A value that is encoded already and goes in as it is.
    case raw([UInt8])

    /// The string's UTF-8.
    public static func string(_ text: String) -> Bencode { .bytes(Array(text.utf8)) }

    /// A dictionary whose keys are text.
    public static func keyed(_ entries: [String: Bencode]) -> Bencode {
        var dictionary: [[UInt8]: Bencode] = [:]
        for (key, value) in entries { dictionary[Array(key.utf8)] = value }
        return .dictionary(dictionary)
    }

    /// The value itself and all that is in it. Of a key that stands twice the first is taken, so
    /// a document that is canonical, and no other, encodes to what it was read from.
    public init(_ value: BencodeValue) {
        var open: [Builder] = []
        var next: BencodeValue? = value
        while true {
            let whole: Bencode
            if let value = next {
                if value.isDictionary || value.isList {
                    open.append(Builder(value))
                    next = open[open.count - 1].advance()
                    continue
                }
                whole =
                    value.integer.map { .integer($0) } ?? .bytes(Array(value.bytes ?? []))
            } else {
                // What was begun last has no more elements, so it is whole.
                guard let last = open.popLast() else { break }
                whole = last.result
            }
            guard !open.isEmpty else {
                self = whole
                return
            }
            open[open.count - 1].append(whole)
            next = open[open.count - 1].advance()
        }
        self = .list([])
    }

    /// The canonical encoding: keys in the order of their bytes.
    public func encoded() -> [UInt8] {
        var output: [UInt8] = []
        encode(into: &output)
        return output
    }

    /// Appends the canonical encoding.
    public func encode(into output: inout [UInt8]) {
        var pending: [Piece] = [.value(self)]
        while let piece = pending.popLast() {
            switch piece {
            case .end: output.append(UInt8(ascii: "e"))
            case .key(let key): Self.appendString(key, to: &output)
            case .value(.integer(let value)):
                output.append(UInt8(ascii: "i"))
                Self.appendDecimal(value, to: &output)
                output.append(UInt8(ascii: "e"))
            case .value(.bytes(let bytes)): Self.appendString(bytes, to: &output)
            case .value(.raw(let bytes)): output += bytes
            case .value(.list(let elements)):
                output.append(UInt8(ascii: "l"))
                pending.append(.end)
                for element in elements.reversed() { pending.append(.value(element)) }
            case .value(.dictionary(let entries)):
                output.append(UInt8(ascii: "d"))
                pending.append(.end)
                let descending = entries.sorted { $1.key.lexicographicallyPrecedes($0.key) }
                for (key, value) in descending {
                    pending.append(.value(value))
                    pending.append(.key(key))
                }
            }
        }
    }

    /// What is still to be written, the next last.
    private enum Piece {
        case value(Bencode)
        case key([UInt8])
        case end
    }

    private static func appendString(_ bytes: [UInt8], to output: inout [UInt8]) {
        appendDecimal(Int64(bytes.count), to: &output)
        output.append(UInt8(ascii: ":"))
        output += bytes
    }

    private static func appendDecimal(_ value: Int64, to output: inout [UInt8]) {
        if value < 0 { output.append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = output.count
        repeat {
            output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        output[start...].reverse()
    }
}

/// A list or dictionary that is being read from a document.
private struct Builder {
    private var elements: BencodeValue.Elements
    private var entries: BencodeValue.Entries
    private let isList: Bool
    private var key: [UInt8] = []
    private var list: [Bencode] = []
    private var dictionary: [[UInt8]: Bencode] = [:]

    init(_ value: BencodeValue) {
        self.elements = value.elements
        self.entries = value.entries
        self.isList = value.isList
    }

    mutating func advance() -> BencodeValue? {
        if isList { return elements.next() }
        guard let entry = entries.next() else { return nil }
        key = Array(entry.key)
        return entry.value
    }

    mutating func append(_ value: Bencode) {
        if isList {
            list.append(value)
        } else if dictionary[key] == nil {
            dictionary[key] = value
        }
    }

    var result: Bencode { isList ? .list(list) : .dictionary(dictionary) }
}

// MARK: - Literals

extension Bencode: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: Bencode...) { self = .list(elements) }

    /// Of a key that stands twice the first is taken.
    public init(dictionaryLiteral elements: (String, Bencode)...) {
        self = .keyed(Dictionary(elements) { first, _ in first })
    }
}
