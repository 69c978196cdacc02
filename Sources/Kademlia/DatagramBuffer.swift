import Units

/// Packets, one after the other, in memory that is used again: the caller empties it when they are
/// sent, and no packet allocates once there was one as long.
///
/// A packet is written whole or not at all.
public struct DatagramBuffer: Sendable {
    /// All of it is initialized; `count` bytes are in use.
    private var storage: [UInt8] = []
    public private(set) var count = 0
    /// Where the packet that is being written must end.
    private var end = 0
    private var isOverflowing = false

    public init() {}

    /// Empties it and keeps the memory.
    public mutating func removeAll() { count = 0 }

    /// The bytes of one packet; none for a range that is not in use.
    public func withUnsafeBytes<Result>(
        of range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        let isValid = range.lowerBound >= 0 && range.upperBound <= count
        return try storage.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[isValid ? range : 0..<0]))
        }
    }

    /// A copy of the bytes of one packet, for tests and cold paths.
    public func bytes(of range: Range<Int>) -> [UInt8] { withUnsafeBytes(of: range) { Array($0) } }

    // MARK: - One packet

    /// Begins a packet of at most `byteCountMax` bytes, and says where.
    mutating func begin(atMost byteCountMax: Int) -> Int {
        let size = min(max(0, byteCountMax), Limits.sentByteCountMax)
        if storage.count - count < size {
            let wanted = max(2 * storage.count, count + Limits.sentByteCountMax)
            storage.append(contentsOf: repeatElement(0, count: wanted - storage.count))
        }
        end = count + size
        isOverflowing = false
        return count
    }

    /// Ends the packet that began at `start`; `nil`, and nothing is there, if it had no room.
    mutating func finish(_ start: Int) -> Range<Int>? {
        guard !isOverflowing else {
            count = start
            return nil
        }
        return start..<count
    }

    /// Bytes that the packet still has room for.
    var room: Int { end - count }

    @inline(__always)
    private mutating func advance(_ size: Int) -> Int? {
        guard size <= end - count, !isOverflowing else {
            isOverflowing = true
            return nil
        }
        defer { count += size }
        return count
    }

    @inline(__always)
    mutating func put(_ text: StaticString) {
        guard let at = advance(text.utf8CodeUnitCount) else { return }
        storage.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[at...]).copyMemory(
                from: UnsafeRawBufferPointer(
                    start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let at = advance(bytes.count), bytes.count > 0 else { return }
        storage.withUnsafeMutableBytes {
            UnsafeMutableRawBufferPointer(rebasing: $0[at...]).copyMemory(from: bytes)
        }
    }

    @inline(__always)
    mutating func put(_ id: NodeID) {
        guard let at = advance(NodeID.byteCount) else { return }
        storage.withUnsafeMutableBytes {
            id.store(to: UnsafeMutableRawBufferPointer(rebasing: $0[at...]))
        }
    }

    /// A contact in its compact form, of 26 bytes or 38.
    @inline(__always)
    mutating func put(_ contact: NodeContact) {
        let endpoint = contact.endpoint
        let isIPv4 = endpoint.isIPv4
        let size =
            isIPv4 ? NodeContact.compactIPv4ByteCount : NodeContact.compactIPv6ByteCount
        guard let at = advance(size) else { return }
        storage.withUnsafeMutableBytes { all in
            let bytes = UnsafeMutableRawBufferPointer(rebasing: all[at..<at + size])
            contact.id.store(to: bytes)
            if isIPv4 {
                let address = UInt32(truncatingIfNeeded: endpoint.low)
                bytes.storeBytes(of: address.bigEndian, toByteOffset: 20, as: UInt32.self)
            } else {
                bytes.storeBytes(of: endpoint.high.bigEndian, toByteOffset: 20, as: UInt64.self)
                bytes.storeBytes(of: endpoint.low.bigEndian, toByteOffset: 28, as: UInt64.self)
            }
            bytes.storeBytes(
                of: endpoint.port.bigEndian, toByteOffset: size - 2, as: UInt16.self)
        }
    }

    /// A number in network order.
    @inline(__always)
    mutating func put(bigEndian value: some FixedWidthInteger) {
        let value = value.bigEndian
        Swift.withUnsafeBytes(of: value) { put($0) }
    }

    /// The compact form: 6 bytes or 18.
    @inline(__always)
    mutating func put(_ endpoint: Endpoint) {
        if let ipv4 = endpoint.ipv4 {
            put(bigEndian: ipv4)
        } else {
            put(bigEndian: endpoint.high)
            put(bigEndian: endpoint.low)
        }
        put(bigEndian: endpoint.port)
    }

    @inline(__always)
    mutating func put(_ transaction: TransactionID) {
        let words = transaction.words
        let bigEndian = (words.0.bigEndian, words.1.bigEndian, words.2.bigEndian)
        putDecimal(UInt64(transaction.byteCount))
        put(":")
        Swift.withUnsafeBytes(of: bigEndian) {
            put(UnsafeRawBufferPointer(rebasing: $0.prefix(transaction.byteCount)))
        }
    }

    mutating func putDecimal(_ value: UInt64) {
        if value < 10 {
            put(bigEndian: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value))
            return
        }
        // 20 digits hold any number of 64 bits.
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var first = 20
            var rest = value
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            put(UnsafeRawBufferPointer(rebasing: digits[first...]))
        }
    }

    /// `i…e`.
    mutating func putInteger(_ value: Int64) {
        put("i")
        if value < 0 { put("-") }
        putDecimal(value.magnitude)
        put("e")
    }

    /// A string, its length before it.
    mutating func putString(_ bytes: UnsafeRawBufferPointer) {
        putDecimal(UInt64(bytes.count))
        put(":")
        put(bytes)
    }
}
