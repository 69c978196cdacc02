/// Why a text is no JSON that is taken, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Problem: Hashable, Sendable {
        case unexpectedEnd
        case unexpectedByte
        case tooDeep
        case tooManyValues
        case duplicateMember(String)
        /// Greater than any number that is told apart, or not written as JSON writes numbers.
        case badNumber
        case badEscape
        case badUTF8
        case trailingBytes
    }

    public let problem: Problem
    /// Bytes before what is wrong.
    public let offset: Int

    public var description: String {
        let words =
            switch problem {
            case .unexpectedEnd: "it ends too early"
            case .unexpectedByte: "this cannot stand here"
            case .tooDeep: "nested deeper than \(Limits.depthMax)"
            case .tooManyValues: "more than \(Limits.valueCountMax) values"
            case .duplicateMember(let name): "'\(name)' stands there twice"
            case .badNumber: "not a number that can be told"
            case .badEscape: "not an escape"
            case .badUTF8: "not UTF-8"
            case .trailingBytes: "more after the end of the value"
            }
        return "byte \(offset): \(words)"
    }
}
