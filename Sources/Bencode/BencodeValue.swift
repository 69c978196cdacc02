/// A value of a document: a view, which keeps the document alive.
public struct BencodeValue: Sendable {
    let storage: BencodeDocument.Storage
    let index: Int

    /// The exact bytes of the value in `document.bytes`: an info-hash is over these.
    public var range: Range<Int> { storage.start(of: index)..<storage.start(of: nextIndex) }

    /// Shares, and so keeps alive, the document's bytes.
    public var rawBytes: ArraySlice<UInt8> { storage.bytes[range] }

    public var isList: Bool { kind == UInt8(ascii: "l") }
    public var isDictionary: Bool { kind == UInt8(ascii: "d") }

    /// `nil` if it is not an integer.
    public var integer: Int64? {
        guard kind == UInt8(ascii: "i") else { return nil }
        let bytes = storage.bytes
        return try? BencodedInteger(at: storage.start(of: index), in: bytes.span).value
    }

    /// The contents of a string, `nil` if it is none. Shares, and so keeps alive, the document's
    /// bytes: copy a small value that outlives it.
    public var bytes: ArraySlice<UInt8>? {
        guard isDigit(kind) else { return nil }
        return storage.bytes[storage.contents(of: index)]
    }

    /// The contents of a string that is valid UTF-8.
    public var string: String? {
        bytes.flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The elements of a list; none if it is not a list.
    public var elements: Elements {
        Elements(storage: storage, position: index + 1, end: isList ? nextIndex - 1 : index + 1)
    }

    /// The entries of a dictionary as they stand there; none if it is not a dictionary.
    public var entries: Entries {
        Entries(
            storage: storage, position: index + 1, end: isDictionary ? nextIndex - 1 : index + 1)
    }

    /// The value of `key`, the first if there are more; `nil` if there is none or it is not a
    /// dictionary. Takes time in proportion to the number of entries.
    public subscript(key: String) -> BencodeValue? {
        guard isDictionary else { return nil }
        var key = key
        return key.withUTF8 { value(of: $0.span) }
    }

    /// The same for a key of any bytes.
    public subscript(key: [UInt8]) -> BencodeValue? {
        guard isDictionary else { return nil }
        return value(of: key.span)
    }

    private func value(of key: borrowing Span<UInt8>) -> BencodeValue? {
        let bytes = storage.bytes
        let contents = bytes.span
        let end = nextIndex - 1
        var next = index + 1
        while next < end {
            if hasBytes(key, in: contents, at: storage.contents(of: next)) {
                return BencodeValue(storage: storage, index: next + 1)
            }
            next = storage.indexAfter(next + 1)
        }
        return nil
    }

    private var kind: UInt8 { storage.bytes[storage.start(of: index)] }
    private var nextIndex: Int { storage.indexAfter(index) }
}

extension BencodeValue {
    public struct Elements: Sequence, IteratorProtocol, Sendable {
        let storage: BencodeDocument.Storage
        var position: Int
        let end: Int

        public mutating func next() -> BencodeValue? {
            guard position < end else { return nil }
            defer { position = storage.indexAfter(position) }
            return BencodeValue(storage: storage, index: position)
        }
    }

    public struct Entries: Sequence, IteratorProtocol, Sendable {
        let storage: BencodeDocument.Storage
        var position: Int
        let end: Int

        public mutating func next() -> (key: ArraySlice<UInt8>, value: BencodeValue)? {
            guard position < end else { return nil }
            defer { position = storage.indexAfter(position + 1) }
            return (
                storage.bytes[storage.contents(of: position)],
                BencodeValue(storage: storage, index: position + 1)
            )
        }
    }
}

extension BencodeDocument.Storage {
    fileprivate func start(of index: Int) -> Int { Int(tokens[index].offset) }

    /// The token after the value at `index`: for a list or dictionary, after its end.
    fileprivate func indexAfter(_ index: Int) -> Int {
        let token = tokens[index]
        let kind = bytes[Int(token.offset)]
        let isContainer = kind == UInt8(ascii: "l") || kind == UInt8(ascii: "d")
        return isContainer ? Int(token.link) : index + 1
    }

    /// Where the contents of the string at `index` are: up to where the next token begins.
    fileprivate func contents(of index: Int) -> Range<Int> {
        Int(tokens[index].link)..<start(of: index + 1)
    }
}

private func hasBytes(
    _ key: borrowing Span<UInt8>, in bytes: borrowing Span<UInt8>, at range: Range<Int>
) -> Bool {
    guard range.count == key.count else { return false }
    for position in key.indices where key[position] != bytes[range.lowerBound + position] {
        return false
    }
    return true
}
