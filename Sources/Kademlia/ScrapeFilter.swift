import Hashing
public import Units

/// A Bloom filter of addresses (BEP 33): 2,048 bits, two for each address.
public struct ScrapeFilter: Hashable, Sendable {
    public static let byteCount = 256
    private static let bitCount = byteCount * 8

    public private(set) var bytes: [UInt8]

    public init() { self.bytes = [UInt8](repeating: 0, count: Self.byteCount) }

    /// `nil` unless there are exactly 256 bytes.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// Adds an address; its port does not count.
    public mutating func insert(_ address: Endpoint) {
        var hasher = SHA1Hasher()
        insert(address, using: &hasher)
    }

    /// The same with a hasher that serves for many.
    mutating func insert(_ address: Endpoint, using hasher: inout SHA1Hasher) {
        let (first, second) = Self.positions(of: address, using: &hasher)
        bytes[first / 8] |= 1 << UInt8(first % 8)
        bytes[second / 8] |= 1 << UInt8(second % 8)
    }

    /// Whether it may be in; false is certain.
    public func mayContain(_ address: Endpoint) -> Bool {
        var hasher = SHA1Hasher()
        let (first, second) = Self.positions(of: address, using: &hasher)
        return bytes[first / 8] >> UInt8(first % 8) & 1 == 1
            && bytes[second / 8] >> UInt8(second % 8) & 1 == 1
    }

    /// Adds all that is in `other`.
    public mutating func formUnion(_ other: ScrapeFilter) {
        for position in bytes.indices { bytes[position] |= other.bytes[position] }
    }

    /// The number of clear bits, of which the number of addresses can be estimated.
    public var zeroBitCount: Int {
        Self.bitCount - bytes.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// About how many addresses are in (BEP 33, "Calculating the estimate").
    public var estimatedCount: Double {
        let m = Double(Self.bitCount)
        let clear = Double(max(1, min(Self.bitCount - 1, zeroBitCount)))
        return naturalLogarithm(clear / m) / (2 * naturalLogarithm(1 - 1 / m))
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        bytes.withUnsafeBytes(body)
    }

    private static func positions(
        of address: Endpoint, using hasher: inout SHA1Hasher
    ) -> (Int, Int) {
        address.addressBytes.withUnsafeBytes { hasher.update($0) }
        return hasher.finish().withUnsafeBytes { hash in
            let first = UInt16(littleEndian: hash.loadUnaligned(as: UInt16.self))
            let second = UInt16(
                littleEndian: hash.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            return (Int(first) % bitCount, Int(second) % bitCount)
        }
    }
}

/// What a scrape tells of one info-hash (BEP 33).
public struct ScrapeFilters: Hashable, Sendable {
    public var seeds: ScrapeFilter
    public var peers: ScrapeFilter

    public init(seeds: ScrapeFilter = ScrapeFilter(), peers: ScrapeFilter = ScrapeFilter()) {
        self.seeds = seeds
        self.peers = peers
    }
}

/// The logarithm of a positive number, without a C library: of its power of two, and of the rest
/// by the series of the inverse hyperbolic tangent.
private func naturalLogarithm(_ x: Double) -> Double {
    let z = (x.significand - 1) / (x.significand + 1)
    var sum = 0.0
    var power = z
    var odd = 1.0
    while odd < 60 {
        sum += power / odd
        power *= z * z
        odd += 2
    }
    return Double(x.exponent) * 0.693_147_180_559_945_3 + 2 * sum
}
