/// Bencoded bytes (BEP 3, "bencoding") that were read once, into a flat array of tokens. Its values
/// are views of it; none of them is copied or even looked at until it is asked for.
public struct BencodeDocument: Sendable {
    let storage: Storage

    /// How much of what an encoder must do the bytes have to show.
    ///
    /// Both forms hold whatever the entry point: lengths without leading zeros, integers of 64
    /// bits, keys that are strings, a value for each key, nothing after the value.
    public enum Strictness: Sendable {
        /// Keys ascend and are unique, integers have no leading zeros and `-0` is none: a value
        /// has one encoding only. BEP 52 asks for this of info dictionaries.
        case strict
        /// Keys in any order, integers with leading zeros and `-0` are taken, as torrents with
        /// them are in use. Of a key that stands twice `BencodeValue.subscript` finds the first.
        case lenient
    }

    /// Reads all of `bytes` as one value.
    public init(
        _ bytes: [UInt8], limits: BencodeLimits = .message, _ strictness: Strictness = .lenient
    ) throws(BencodeError) {
        self.storage = try Storage(
            bytes, limits: limits, strictness: strictness, allowsTrailingBytes: false)
    }

    /// Reads the value that `bytes` begin with; `root.range.upperBound` is where it ends. Messages
    /// of BEP 9 have their payload there.
    public init(
        prefixOf bytes: [UInt8], limits: BencodeLimits = .message,
        _ strictness: Strictness = .lenient
    ) throws(BencodeError) {
        self.storage = try Storage(
            bytes, limits: limits, strictness: strictness, allowsTrailingBytes: true)
    }

    public var bytes: [UInt8] { storage.bytes }

    /// The value that everything else is in.
    public var root: BencodeValue { BencodeValue(storage: storage, index: 0) }

    /// Whether `.strict` takes it.
    public var isCanonical: Bool { storage.isCanonical }

    final class Storage: Sendable {
        let bytes: [UInt8]
        /// At least two: the root and the end of all.
        let tokens: [Token]
        let isCanonical: Bool

        init(
            _ bytes: [UInt8], limits: BencodeLimits, strictness: Strictness,
            allowsTrailingBytes: Bool
        ) throws(BencodeError) {
            var scanner = Scanner(limits: limits, isStrict: strictness == .strict)
            try scanner.scan(bytes.span, allowsTrailingBytes: allowsTrailingBytes)
            self.bytes = bytes
            self.tokens = scanner.tokens
            self.isCanonical = scanner.isCanonical
        }
    }
}
