public import Units

/// The priority that both ends of a connection give it (BEP 40): the CRC32-C of their masked
/// addresses in order, or of their ports if the addresses are the same. Each end must use the
/// address that the other sees it at.
public func canonicalPeerPriority(_ a: Endpoint, _ b: Endpoint) -> UInt32 {
    if a.address == b.address {
        let ports = [min(a.port, b.port), max(a.port, b.port)]
        return crc32c(ports.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
    }
    // An IPv4 and an IPv6 address are compared in their 128-bit form; that is our choice, since
    // no connection has such ends.
    let isIPv4 = a.isIPv4 && b.isIPv4
    let first = isIPv4 ? a.addressBytes : mappedBytes(of: a)
    let second = isIPv4 ? b.addressBytes : mappedBytes(of: b)
    let ordered = first.lexicographicallyPrecedes(second) ? [first, second] : [second, first]
    // The address is kept up to and including the first byte that differs, and at least the
    // first half (IPv4) or the first 48 bits (IPv6) of it; of the rest, every other bit.
    let common = zip(first, second).prefix { $0 == $1 }.count
    let kept = max(common + 1, isIPv4 ? 2 : 6)
    return crc32c(
        ordered.flatMap { address in
            address.enumerated().map { $0.offset < kept ? $0.element : $0.element & 0x55 }
        })
}

private func mappedBytes(of endpoint: Endpoint) -> [UInt8] {
    [endpoint.high, endpoint.low].flatMap { word in
        (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) }
    }
}

/// The Castagnoli CRC (RFC 3720), bit by bit: it is over 32 bytes at most here.
func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 0 ? 0 : 0x82F6_3B78) }
    }
    return ~crc
}
