import Units

/// An address, or all that begin alike: `10.0.0.0/8`.
struct AddressRange: Sendable {
    private let high: UInt64
    private let low: UInt64
    private let prefix: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = Endpoint(addressText: parts[0], port: 0)
        else { return nil }
        let width = address.isIPv4 ? 32 : 128
        var length = width
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...width).contains(given) else { return nil }
            length = given
        }
        prefix = 128 - width + length
        high = address.high
        low = address.low
    }

    func contains(_ address: Endpoint) -> Bool {
        let highBits = min(prefix, 64)
        let lowBits = max(0, prefix - 64)
        return (address.high ^ high) >> UInt64(64 - highBits) == 0
            && (address.low ^ low) >> UInt64(64 - lowBits) == 0
    }
}
