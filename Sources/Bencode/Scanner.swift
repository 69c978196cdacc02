/// Where a value, or the end of a list or dictionary, begins. What it is, the byte there says.
struct Token: Sendable {
    /// The offset of the first byte; of the `e` for an end.
    let offset: UInt32
    /// Of a string: the offset of its contents. Of a list or dictionary: the number of the token
    /// after its end; while it is still open, of the list or dictionary that it is in.
    var link: UInt32
}

/// Reads one value into a flat array of tokens, in the order of the input, followed by one token
/// that holds the offset of the value's end.
///
/// It neither recurses nor keeps a stack: an open list or dictionary remembers in its token what it
/// is in. A string's contents are never touched, and nothing is allocated for a length that the
/// input only declares.
struct Scanner {
    private let limits: BencodeLimits
    private let isStrict: Bool
    private(set) var tokens: [Token] = []
    /// Whether all that was read is in the one form that an encoder gives it.
    private(set) var isCanonical = true

    /// The open list or dictionary, by its token.
    private var container: Int?
    private var isInDictionary = false
    private var expectsKey = false
    /// The token of the open dictionary's last key.
    private var lastKey: Int?
    private var depth = 0

    init(limits: BencodeLimits, isStrict: Bool) {
        self.limits = limits
        self.isStrict = isStrict
    }

    mutating func scan(
        _ input: borrowing Span<UInt8>, allowsTrailingBytes: Bool
    ) throws(BencodeError) {
        guard input.count <= limits.byteCountMax else {
            throw .tooManyBytes(input.count, max: limits.byteCountMax)
        }
        tokens.reserveCapacity(min(input.count / 2 + 2, Limits.tokenCountReserved))
        var position = 0
        repeat {
            guard position < input.count else { throw .endedEarly(at: position) }
            let byte = input[position]
            if byte == UInt8(ascii: "e"), let open = container {
                try close(open, at: position, in: input)
                position += 1
            } else if expectsKey {
                guard isDigit(byte) else { throw .keyNotString(at: position) }
                position = try string(at: position, in: input)
                try checkOrder(in: input, end: position)
                expectsKey = false
            } else {
                position = try value(byte, at: position, in: input)
            }
        } while container != nil
        guard allowsTrailingBytes || position == input.count else {
            throw .trailingBytes(at: position)
        }
        tokens.append(Token(offset: UInt32(truncatingIfNeeded: position), link: 0))
    }

    /// Reads a value, or the beginning of one, and returns the offset after it.
    private mutating func value(
        _ byte: UInt8, at position: Int, in input: borrowing Span<UInt8>
    ) throws(BencodeError) -> Int {
        let isDictionary = byte == UInt8(ascii: "d")
        if isDictionary || byte == UInt8(ascii: "l") {
            guard depth < limits.depthMax else {
                throw .tooDeep(at: position, max: limits.depthMax)
            }
            depth += 1
            try append(position, link: container ?? 0)
            container = tokens.count - 1
            isInDictionary = isDictionary
            expectsKey = isDictionary
            lastKey = nil
            return position + 1
        }
        expectsKey = isInDictionary
        if isDigit(byte) { return try string(at: position, in: input) }
        guard byte == UInt8(ascii: "i") else { throw .unexpectedByte(byte, at: position) }
        let integer = try BencodedInteger(at: position, in: input)
        if !integer.isCanonical {
            guard !isStrict else { throw .integerNotCanonical(at: position) }
            isCanonical = false
        }
        try append(position, link: 0)
        return integer.end
    }

    private mutating func close(
        _ open: Int, at position: Int, in input: borrowing Span<UInt8>
    ) throws(BencodeError) {
        guard expectsKey == isInDictionary else { throw .valueMissing(at: position) }
        try append(position, link: 0)
        depth -= 1
        let outer = Int(tokens[open].link)
        tokens[open].link = UInt32(truncatingIfNeeded: tokens.count)
        container = depth > 0 ? outer : nil
        isInDictionary =
            depth > 0 && input[Int(tokens[outer].offset)] == UInt8(ascii: "d")
        expectsKey = isInDictionary
        // The key of what was closed just now stands right before it.
        lastKey = isInDictionary ? open - 1 : nil
    }

    /// Reads a string and returns the offset after it.
    private mutating func string(
        at start: Int, in input: borrowing Span<UInt8>
    ) throws(BencodeError) -> Int {
        var position = start
        var length = 0
        while position < input.count, isDigit(input[position]) {
            let digit = Int(input[position] - UInt8(ascii: "0"))
            let (tens, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = tens.addingReportingOverflow(digit)
            guard !overflow, !overflowToo else { throw .stringLengthOverflow(at: start) }
            length = sum
            position += 1
        }
        guard position < input.count else { throw .endedEarly(at: position) }
        guard input[position] == UInt8(ascii: ":") else {
            throw .stringLengthMalformed(at: position)
        }
        guard input[start] != UInt8(ascii: "0") || position == start + 1 else {
            throw .stringLengthNotCanonical(at: start)
        }
        position += 1
        let available = input.count - position
        guard length <= available else {
            throw .stringPastEnd(at: start, length: length, available: available)
        }
        try append(start, link: position)
        return position + length
    }

    /// Compares the key that was read just now, and ends at `end`, with the one before it.
    private mutating func checkOrder(
        in input: borrowing Span<UInt8>, end: Int
    ) throws(BencodeError) {
        let key = tokens.count - 1
        defer { lastKey = key }
        guard let lastKey else { return }
        let before = Int(tokens[lastKey].link)..<Int(tokens[lastKey + 1].offset)
        let after = Int(tokens[key].link)..<end
        let order = compare(before, after, in: input)
        guard order >= 0 else { return }
        isCanonical = false
        guard isStrict else { return }
        let offset = Int(tokens[key].offset)
        throw order == 0 ? .keyDuplicate(at: offset) : .keyUnsorted(at: offset)
    }

    private mutating func append(_ position: Int, link: Int) throws(BencodeError) {
        guard tokens.count < limits.tokenCountMax else {
            throw .tooManyTokens(at: position, max: limits.tokenCountMax)
        }
        if tokens.count == tokens.capacity {
            // One more for the end of all.
            tokens.reserveCapacity(min(2 * tokens.capacity + 2, limits.tokenCountMax + 1))
        }
        tokens.append(
            Token(
                offset: UInt32(truncatingIfNeeded: position),
                link: UInt32(truncatingIfNeeded: link)))
    }
}

/// `i…e` (BEP 3): its value, its end, and whether it is spelt as an encoder would.
struct BencodedInteger {
    let value: Int64
    let end: Int
    let isCanonical: Bool

    init(at start: Int, in input: borrowing Span<UInt8>) throws(BencodeError) {
        var position = start + 1
        guard position < input.count else { throw .endedEarly(at: position) }
        let isNegative = input[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let firstDigit = position
        // Summed up below zero, where there is room for one more.
        var sum: Int64 = 0
        while position < input.count, isDigit(input[position]) {
            let digit = Int64(input[position] - UInt8(ascii: "0"))
            let (tens, overflow) = sum.multipliedReportingOverflow(by: 10)
            let (next, overflowToo) = tens.subtractingReportingOverflow(digit)
            guard !overflow, !overflowToo else { throw .integerOverflow(at: start) }
            sum = next
            position += 1
        }
        guard position < input.count else { throw .endedEarly(at: position) }
        guard position > firstDigit, input[position] == UInt8(ascii: "e") else {
            throw .integerMalformed(at: position)
        }
        let isZeroLed = input[firstDigit] == UInt8(ascii: "0")
        guard isNegative || sum != .min else { throw .integerOverflow(at: start) }
        self.value = isNegative ? sum : 0 - sum
        self.end = position + 1
        self.isCanonical = !isZeroLed || (position == firstDigit + 1 && !isNegative)
    }
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

/// Below 0 if the bytes at `a` sort before those at `b`, 0 if they are the same.
private func compare(_ a: Range<Int>, _ b: Range<Int>, in input: borrowing Span<UInt8>) -> Int {
    for (i, j) in zip(a, b) where input[i] != input[j] {
        return Int(input[i]) - Int(input[j])
    }
    return a.count - b.count
}
