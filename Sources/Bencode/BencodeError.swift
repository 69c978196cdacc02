/// Why bytes are not a bencoded value (BEP 3, "bencoding"). `at` is the offset of the byte where
/// it shows.
public enum BencodeError: Error, Hashable, Sendable {
    case tooManyBytes(Int, max: Int)
    /// There is no more input, and the value is not over.
    case endedEarly(at: Int)
    /// A byte that no value begins with.
    case unexpectedByte(UInt8, at: Int)
    /// Something other than a digit in an integer, or no digit at all.
    case integerMalformed(at: Int)
    /// An integer that does not fit 64 bits.
    case integerOverflow(at: Int)
    /// A leading zero or `-0`; an error only where the encoding has to be canonical.
    case integerNotCanonical(at: Int)
    /// Something other than digits and a colon before a string.
    case stringLengthMalformed(at: Int)
    /// A length with a leading zero.
    case stringLengthNotCanonical(at: Int)
    /// A length that does not fit 64 bits.
    case stringLengthOverflow(at: Int)
    /// A string that is longer than what is left of the input.
    case stringPastEnd(at: Int, length: Int, available: Int)
    case keyNotString(at: Int)
    /// A dictionary that ends after a key.
    case valueMissing(at: Int)
    /// A key that stands in its dictionary a second time, right after the first.
    case keyDuplicate(at: Int)
    /// A key that should stand before the one that precedes it.
    case keyUnsorted(at: Int)
    case tooDeep(at: Int, max: Int)
    case tooManyTokens(at: Int, max: Int)
    /// Bytes after the value.
    case trailingBytes(at: Int)
}

extension BencodeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooManyBytes(let count, let max): "\(count) bytes, more than \(max)"
        case .endedEarly(let at): "byte \(at): the input ends within a value"
        case .unexpectedByte(let byte, let at):
            "byte \(at): no value begins with 0x\(String(byte, radix: 16))"
        case .integerMalformed(let at): "byte \(at): not an integer"
        case .integerOverflow(let at): "byte \(at): an integer of more than 64 bits"
        case .integerNotCanonical(let at): "byte \(at): an integer with a leading zero, or -0"
        case .stringLengthMalformed(let at): "byte \(at): not the length of a string"
        case .stringLengthNotCanonical(let at):
            "byte \(at): the length of a string with a leading zero"
        case .stringLengthOverflow(let at): "byte \(at): the length of a string is too large"
        case .stringPastEnd(let at, let length, let available):
            "byte \(at): a string of \(length) bytes where \(available) are left"
        case .keyNotString(let at): "byte \(at): a dictionary key that is not a string"
        case .valueMissing(let at): "byte \(at): a dictionary key without a value"
        case .keyDuplicate(let at): "byte \(at): the same dictionary key again"
        case .keyUnsorted(let at): "byte \(at): dictionary keys out of order"
        case .tooDeep(let at, let max): "byte \(at): nested deeper than \(max)"
        case .tooManyTokens(let at, let max): "byte \(at): more than \(max) values"
        case .trailingBytes(let at): "byte \(at): something follows the value"
        }
    }
}
