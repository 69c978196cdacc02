import Units

extension KRPCMessage {
    /// Reads a packet, once and in place. What is unknown is skipped; keys may stand in any order,
    /// as some write them so, but only once.
    public init(parsing datagram: UnsafeRawBufferPointer) throws(KRPCError) {
        guard (1...Limits.datagramByteCountMax).contains(datagram.count) else {
            throw KRPCError(.byteCount(datagram.count))
        }
        var parser = KRPCParser(datagram)
        do {
            try parser.readPacket()
        } catch {
            throw KRPCError(.malformed(at: parser.position))
        }
        try parser.finish()
        self = parser.message
    }

    /// The same; ranges are of these bytes.
    public init(parsing datagram: [UInt8]) throws(KRPCError) {
        let read = datagram.withUnsafeBytes { bytes in
            Result { () throws(KRPCError) in try KRPCMessage(parsing: bytes) }
        }
        self = try read.get()
    }
}

/// One pass over a packet, without recursion and without memory of its own. What is no bencoding
/// ends it; a key with a wrong value is noted and passed over, so that a broken query's
/// transaction, which stands at the end, can be answered.
struct KRPCParser {
    private struct Malformed: Error {}

    private let input: UnsafeRawBufferPointer
    private(set) var position = 0
    private var tokensLeft = Limits.tokenCountMax

    private(set) var message = KRPCMessage()
    private var fault: KRPCError.Fault?
    /// The keys that were there, a bit for each.
    private var seen: UInt64 = 0
    private var sort: UInt8 = 0
    private var method: KRPCMessage.Method?
    private var errorCode: Int32 = 0

    init(_ input: UnsafeRawBufferPointer) { self.input = input }

    /// Whether `bytes` are one value in canonical form that BEP 44 lets be stored.
    static func isCanonicalItem(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= Limits.itemByteCountMax else { return false }
        var parser = KRPCParser(bytes)
        guard let isCanonical = try? parser.skip(within: 2) else { return false }
        return isCanonical && parser.position == bytes.count
    }
}

// MARK: - The dictionaries

extension KRPCParser {
    mutating func readPacket() throws {
        guard input[0] == UInt8(ascii: "d") else { throw Malformed() }
        position = 1
        while let key = try nextKey() {
            switch key {
            case KRPCKey.a, KRPCKey.r:
                note(seenOnce: key == KRPCKey.a ? .a : .r)
                guard try enter(UInt8(ascii: "d")) else { continue }
                while let inner = try nextKey() { try readField(inner) }
            case KRPCKey.e:
                note(seenOnce: .e)
                guard try enter(UInt8(ascii: "l")) else { continue }
                try readError()
            case KRPCKey.q:
                note(seenOnce: .q)
                guard let name = try takeString(0...Limits.datagramByteCountMax) else { continue }
                method = KRPCMessage.Method(name: name.bytes(in: input))
            case KRPCKey.y:
                note(seenOnce: .y)
                guard let letter = try takeString(1...1) else { continue }
                sort = letter.bytes(in: input)[0]
            case KRPCKey.t:
                note(seenOnce: .t)
                let bounds = 1...Limits.transactionIDByteCountMax
                guard let bytes = try takeString(bounds)?.bytes(in: input),
                    let id = TransactionID(bytes: bytes)
                else {
                    isTransactionBroken = true
                    continue
                }
                message.transactionID = id
            case KRPCKey.ip: message.externalAddress = try takeAddress()
            case KRPCKey.v: message.version = try takeVersion()
            case KRPCKey.ro: if try takeFlag() { message.flags.insert(.readOnly) }
            default: _ = try skip(within: 1)
            }
        }
        guard position == input.count else { throw Malformed() }
    }

    /// What is in `a` or `r`; no key means different things in the two.
    private mutating func readField(_ key: UInt64) throws {
        switch key {
        case KRPCKey.id:
            note(seenOnce: .id)
            if let id = try takeID() { message.id = id }
        case KRPCKey.target, KRPCKey.infoHash:
            note(seenOnce: .target)
            message.target = try takeID()
        case KRPCKey.token:
            note(seenOnce: .token)
            message.token = try takeString(0...Limits.tokenByteCountMax)
        case KRPCKey.nodes:
            note(seenOnce: .nodes)
            message.nodes = try takeString(0...Limits.datagramByteCountMax)
        case KRPCKey.nodes6:
            note(seenOnce: .nodes6)
            message.nodes6 = try takeString(0...Limits.datagramByteCountMax)
        case KRPCKey.values:
            note(seenOnce: .values)
            message.values = try takeStrings { _ in }
        case KRPCKey.want:
            note(seenOnce: .want)
            message.flags.insert(.hasWant)
            var wanted: AddressFamilies = []
            _ = try takeStrings { text in
                guard text.count == 2, text[0] == UInt8(ascii: "n") else { return }
                if text[1] == UInt8(ascii: "4") { wanted.insert(.ipv4) }
                if text[1] == UInt8(ascii: "6") { wanted.insert(.ipv6) }
            }
            message.wanted = wanted
        case KRPCKey.port:
            note(seenOnce: .port)
            try takePort()
        case KRPCKey.impliedPort: if try takeFlag() { message.flags.insert(.impliedPort) }
        case KRPCKey.seed: if try takeFlag() { message.flags.insert(.seed) }
        case KRPCKey.noseed: if try takeFlag() { message.flags.insert(.noSeed) }
        case KRPCKey.scrape: if try takeFlag() { message.flags.insert(.scrape) }
        default: try readRareField(key)
        }
    }

    private mutating func readRareField(_ key: UInt64) throws {
        switch key {
        case KRPCKey.v:
            note(seenOnce: .v)
            try takeItem()
        case KRPCKey.k:
            note(seenOnce: .k)
            message.key = try takeString(32...32)
        case KRPCKey.sig:
            note(seenOnce: .sig)
            message.signature = try takeString(64...64)
        case KRPCKey.salt:
            note(seenOnce: .salt)
            try takeSalt()
        case KRPCKey.seq:
            note(seenOnce: .seq)
            message.sequence = try takeNatural()
        case KRPCKey.cas:
            note(seenOnce: .cas)
            message.expectedSequence = try takeInteger()
        case KRPCKey.interval:
            note(seenOnce: .interval)
            if let seconds = try takeInteger() {
                let interval = Interval.seconds(seconds)
                message.sampleInterval = min(max(.zero, interval), Limits.sampleIntervalMax)
            }
        case KRPCKey.num:
            note(seenOnce: .num)
            message.sampledCount = try takeInteger().map { max(0, $0) }
        case KRPCKey.samples:
            note(seenOnce: .samples)
            message.samples = try takeString(0...Limits.datagramByteCountMax)
        case KRPCKey.seedFilter:
            note(seenOnce: .seedFilter)
            message.seedFilter = try takeString(ScrapeFilter.byteCount...ScrapeFilter.byteCount)
        case KRPCKey.peerFilter:
            note(seenOnce: .peerFilter)
            message.peerFilter = try takeString(ScrapeFilter.byteCount...ScrapeFilter.byteCount)
        default: _ = try skip(within: 2)
        }
    }

    /// The inside of `e`: a code, a text, and whatever else.
    private mutating func readError() throws {
        var index = 0
        while try peek() != UInt8(ascii: "e") {
            let byte = try peek()
            if index == 0, byte == UInt8(ascii: "i") {
                errorCode = Int32(clamping: try integer().value)
            } else if index == 1, isDigit(byte) {
                let text = try string()
                let shown = min(text.byteCount, UInt16(Limits.errorTextByteCountMax))
                message.errorText = .init(offset: text.offset, byteCount: shown)
            } else {
                _ = try skip(within: 2)
            }
            index += 1
        }
        position += 1
    }

    /// The key that comes next; `nil` after the end of the dictionary.
    private mutating func nextKey() throws -> UInt64? {
        if try peek() == UInt8(ascii: "e") {
            position += 1
            return nil
        }
        return KRPCKey.packed(try string(), in: input)
    }
}

// MARK: - What it comes to

extension KRPCParser {
    /// Says what kind of message it is, if it has all that its kind must have.
    mutating func finish() throws(KRPCError) {
        guard seen & Seen.t.bit != 0 else { throw KRPCError(fault ?? .keyMissing) }
        switch sort {
        case UInt8(ascii: "q"):
            if let fault = fault ?? queryFault {
                let isAnswered =
                    !isTransactionBroken && input.count <= Limits.answeredFaultByteCountMax
                throw KRPCError(fault, answering: isAnswered ? message.transactionID : nil)
            }
            message.kind = .query(method ?? .unknown)
        case UInt8(ascii: "r"):
            let needed = Seen.r.bit | Seen.id.bit
            let isWhole = seen & needed == needed && seen & Seen.a.bit == 0
            if let fault = fault ?? (isWhole ? nil : .keyMissing) { throw KRPCError(fault) }
        case UInt8(ascii: "e"):
            if let fault = fault ?? (seen & Seen.e.bit == 0 ? .keyMissing : nil) {
                throw KRPCError(fault)
            }
            message.kind = .error(code: errorCode)
        default: throw KRPCError(fault ?? .keyMissing)
        }
    }

    /// What a query lacks.
    private var queryFault: KRPCError.Fault? {
        let needed = Seen.q.bit | Seen.a.bit | Seen.id.bit
        guard seen & needed == needed, seen & Seen.r.bit == 0 else { return .keyMissing }
        let others: UInt64
        switch method {
        case .ping: others = 0
        case .findNode, .getPeers, .get, .sampleInfohashes: others = Seen.target.bit
        case .announcePeer:
            let isImplied = message.flags.contains(.impliedPort)
            others = Seen.target.bit | Seen.token.bit | (isImplied ? 0 : Seen.port.bit)
        case .put:
            let signed = Seen.k.bit | Seen.sig.bit | Seen.seq.bit
            let isSigned = seen & (Seen.k.bit | Seen.sig.bit) != 0
            others = Seen.token.bit | Seen.v.bit | (isSigned ? signed : 0)
        case .unknown, nil: return message.target == nil ? .methodUnknown : nil
        }
        guard seen & others == others else { return .keyMissing }
        if method == .announcePeer, !message.flags.contains(.impliedPort), message.port == nil {
            return .valueInvalid(at: 0)
        }
        return nil
    }

    /// The keys that are looked for again, or that may stand only once.
    private enum Seen: UInt64 {
        case a, e, q, r, t, y, id, target, token, nodes, nodes6, values, want, port
        case v, k, sig, salt, seq, cas, interval, num, samples, seedFilter, peerFilter
        case brokenTransaction

        var bit: UInt64 { 1 << rawValue }
    }

    private mutating func note(seenOnce key: Seen) {
        if seen & key.bit != 0 {
            if fault == nil { fault = .keyTwice(at: position) }
            // Which of the two is meant is not for us to choose.
            if key == .t || key == .y { isTransactionBroken = true }
        }
        seen |= key.bit
    }

    private var isTransactionBroken: Bool {
        get { seen & Seen.brokenTransaction.bit != 0 }
        set { seen |= Seen.brokenTransaction.bit }
    }
}

// MARK: - Values

extension KRPCParser {
    private mutating func noteInvalid(at position: Int) {
        if fault == nil { fault = .valueInvalid(at: position) }
    }

    /// Enters the dictionary or list that should be here; false, and it is passed over, if
    /// something else is.
    private mutating func enter(_ kind: UInt8) throws -> Bool {
        if try peek() == kind {
            try countToken()
            position += 1
            return true
        }
        noteInvalid(at: position)
        _ = try skip(within: 1)
        return false
    }

    /// A string whose length is within `bounds`.
    private mutating func takeString(
        _ bounds: ClosedRange<Int>
    ) throws -> KRPCMessage.ByteSlice? {
        let start = position
        guard isDigit(try peek()) else {
            noteInvalid(at: start)
            _ = try skip(within: 2)
            return nil
        }
        let slice = try string()
        guard bounds.contains(slice.count) else {
            noteInvalid(at: start)
            return nil
        }
        return slice
    }

    private mutating func takeID() throws -> NodeID? {
        guard let slice = try takeString(NodeID.byteCount...NodeID.byteCount) else { return nil }
        return NodeID(bytes: slice.bytes(in: input))
    }

    private mutating func takeInteger() throws -> Int64? {
        guard try peek() == UInt8(ascii: "i") else {
            noteInvalid(at: position)
            _ = try skip(within: 2)
            return nil
        }
        return try integer().value
    }

    /// An integer that is not negative.
    private mutating func takeNatural() throws -> Int64? {
        let start = position
        guard let value = try takeInteger() else { return nil }
        guard value >= 0 else {
            noteInvalid(at: start)
            return nil
        }
        return value
    }

    private mutating func takeFlag() throws -> Bool { try takeInteger().map { $0 != 0 } ?? false }

    /// Port 0 is no port; with `implied_port`, some write it so (BEP 5, "announce_peer").
    private mutating func takePort() throws {
        let start = position
        guard let value = try takeInteger() else { return }
        guard let port = UInt16(exactly: value) else {
            noteInvalid(at: start)
            return
        }
        message.port = port == 0 ? nil : port
    }

    private mutating func takeSalt() throws {
        guard let salt = try takeString(0...Limits.datagramByteCountMax) else { return }
        guard salt.count <= Limits.saltByteCountMax else {
            if fault == nil { fault = .saltTooLong }
            return
        }
        message.salt = salt
    }

    private mutating func takeItem() throws {
        let start = position
        let isCanonical = try skip(within: 2)
        guard isCanonical else {
            noteInvalid(at: start)
            return
        }
        guard position - start <= Limits.itemByteCountMax else {
            if fault == nil { fault = .itemTooLong }
            return
        }
        message.value = slice(start..<position)
    }

    /// `ip`: an address with or without its port; anything else says nothing.
    private mutating func takeAddress() throws -> Endpoint? {
        guard isDigit(try peek()) else {
            _ = try skip(within: 1)
            return nil
        }
        let bytes = try string().bytes(in: input)
        switch bytes.count {
        case 6: return Endpoint(compact: bytes, .ipv4)
        case 18: return Endpoint(compact: bytes, .ipv6)
        case 4:
            return Endpoint(
                ipv4: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)), port: 0)
        case 16:
            return Endpoint(
                ipv6High: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                port: 0)
        default: return nil
        }
    }

    private mutating func takeVersion() throws -> UInt32? {
        guard isDigit(try peek()) else {
            _ = try skip(within: 1)
            return nil
        }
        let bytes = try string().bytes(in: input)
        guard bytes.count == 4 else { return nil }
        return UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
    }

    /// A list of strings, each of which is given to `body`; the range of its inside.
    private mutating func takeStrings(
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws -> KRPCMessage.ByteSlice? {
        guard try peek() == UInt8(ascii: "l") else {
            noteInvalid(at: position)
            _ = try skip(within: 2)
            return nil
        }
        position += 1
        let start = position
        var isWhole = true
        while try peek() != UInt8(ascii: "e") {
            if isDigit(try peek()) {
                body(try string().bytes(in: input))
            } else {
                noteInvalid(at: position)
                isWhole = false
                _ = try skip(within: 3)
            }
        }
        position += 1
        return isWhole ? slice(start..<position - 1) : nil
    }

    /// Positions of a packet fit 16 bits.
    private func slice(_ range: Range<Int>) -> KRPCMessage.ByteSlice {
        .init(
            offset: UInt16(truncatingIfNeeded: range.lowerBound),
            byteCount: UInt16(truncatingIfNeeded: range.count))
    }
}

// MARK: - Bencoding

extension KRPCParser {
    @inline(__always)
    private func peek() throws -> UInt8 {
        guard position < input.count else { throw Malformed() }
        return input[position]
    }

    @inline(__always)
    private mutating func countToken() throws {
        guard tokensLeft > 0 else { throw Malformed() }
        tokensLeft -= 1
    }

    /// The string that begins here, whose length has no leading zeros.
    @inline(__always)
    private mutating func string() throws -> KRPCMessage.ByteSlice {
        try countToken()
        let first = try peek() &- UInt8(ascii: "0")
        guard first < 10 else { throw Malformed() }
        var length = Int(first)
        position += 1
        var byte = try peek()
        while byte != UInt8(ascii: ":") {
            let digit = byte &- UInt8(ascii: "0")
            // A longer string than the longest packet, or a zero in front.
            guard digit < 10, length > 0, length <= input.count else { throw Malformed() }
            length = length * 10 + Int(digit)
            position += 1
            byte = try peek()
        }
        position += 1
        guard length <= input.count - position else { throw Malformed() }
        defer { position += length }
        return slice(position..<position + length)
    }

    /// The `i…e` that begins here, of 64 bits.
    private mutating func integer() throws -> (value: Int64, isCanonical: Bool) {
        try countToken()
        position += 1
        let isNegative = try peek() == UInt8(ascii: "-")
        if isNegative { position += 1 }
        let firstDigit = position
        // Summed up below zero, where there is room for one more.
        var sum: Int64 = 0
        while isDigit(try peek()) {
            let digit = Int64(input[position] &- UInt8(ascii: "0"))
            let (tens, overflow) = sum.multipliedReportingOverflow(by: 10)
            let (next, overflowToo) = tens.subtractingReportingOverflow(digit)
            guard !overflow, !overflowToo else { throw Malformed() }
            sum = next
            position += 1
        }
        guard position > firstDigit, try peek() == UInt8(ascii: "e"), isNegative || sum != .min
        else { throw Malformed() }
        let isZeroLed = input[firstDigit] == UInt8(ascii: "0")
        let isCanonical = !isZeroLed || (position == firstDigit + 1 && !isNegative)
        position += 1
        return (isNegative ? sum : 0 - sum, isCanonical)
    }

    /// Passes over a value that is `within` so many lists and dictionaries, and says whether it is
    /// in canonical form.
    private mutating func skip(within outer: Int) throws -> Bool {
        var isCanonical = true
        /// A bit for each that is open, the innermost lowest: 1 for a dictionary.
        var kinds: UInt64 = 0
        var depth = 0
        var expectsKey = false
        var lastKeys = InlineArray<32, KRPCMessage.ByteSlice>(
            repeating: .init(offset: 0, byteCount: 0))
        repeat {
            let byte = try peek()
            if byte == UInt8(ascii: "e"), depth > 0 {
                guard kinds & 1 == 0 || expectsKey else { throw Malformed() }
                try countToken()
                position += 1
                depth -= 1
                kinds >>= 1
            } else if expectsKey {
                let key = try string()
                let last = lastKeys[depth - 1]
                if last.offset > 0, !isAscending(last, key) { isCanonical = false }
                lastKeys[depth - 1] = key
                expectsKey = false
                continue
            } else if byte == UInt8(ascii: "d") || byte == UInt8(ascii: "l") {
                guard depth + outer < Limits.depthMax else { throw Malformed() }
                try countToken()
                position += 1
                lastKeys[depth] = .init(offset: 0, byteCount: 0)
                depth += 1
                kinds = kinds << 1 | (byte == UInt8(ascii: "d") ? 1 : 0)
            } else if byte == UInt8(ascii: "i") {
                if !(try integer().isCanonical) { isCanonical = false }
            } else {
                _ = try string()
            }
            expectsKey = kinds & 1 == 1
        } while depth > 0
        return isCanonical
    }

    private func isAscending(_ a: KRPCMessage.ByteSlice, _ b: KRPCMessage.ByteSlice) -> Bool {
        a.bytes(in: input).lexicographicallyPrecedes(b.bytes(in: input))
    }
}

@inline(__always)
private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
