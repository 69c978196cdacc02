/// The keys of messages as numbers that can be switched over: of at most 7 bytes, the bytes and
/// above them their count; of the longer, that no other key has.
enum KRPCKey {
    static var a: UInt64 { short("a") }
    static var e: UInt64 { short("e") }
    static var id: UInt64 { short("id") }
    static var ip: UInt64 { short("ip") }
    static var k: UInt64 { short("k") }
    static var q: UInt64 { short("q") }
    static var r: UInt64 { short("r") }
    static var ro: UInt64 { short("ro") }
    static var t: UInt64 { short("t") }
    static var v: UInt64 { short("v") }
    static var y: UInt64 { short("y") }
    static var cas: UInt64 { short("cas") }
    static var nodes: UInt64 { short("nodes") }
    static var nodes6: UInt64 { short("nodes6") }
    static var noseed: UInt64 { short("noseed") }
    static var num: UInt64 { short("num") }
    static var peerFilter: UInt64 { short("BFpe") }
    static var port: UInt64 { short("port") }
    static var salt: UInt64 { short("salt") }
    static var samples: UInt64 { short("samples") }
    static var scrape: UInt64 { short("scrape") }
    static var seed: UInt64 { short("seed") }
    static var seedFilter: UInt64 { short("BFsd") }
    static var seq: UInt64 { short("seq") }
    static var sig: UInt64 { short("sig") }
    static var target: UInt64 { short("target") }
    static var token: UInt64 { short("token") }
    static var values: UInt64 { short("values") }
    static var want: UInt64 { short("want") }
    static var unknown: UInt64 { 0 }
    static var impliedPort: UInt64 { 1 }
    static var infoHash: UInt64 { 2 }
    static var interval: UInt64 { 3 }

    /// The number of a key that was read, of its bytes in the packet.
    @inline(__always)
    static func packed(_ slice: KRPCMessage.ByteSlice, in datagram: UnsafeRawBufferPointer)
        -> UInt64
    {
        let count = UInt64(slice.count)
        let bytes = slice.bytes(in: datagram)
        guard count > 7 else {
            guard count > 0 else { return unknown }
            // Most keys have 8 bytes of the packet from where they begin.
            let offset = Int(slice.offset)
            if datagram.count - offset >= 8 {
                let word = datagram.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                return UInt64(bigEndian: word) >> (64 - 8 * count) | count << (8 * count)
            }
            return bytes.reduce(count) { $0 << 8 | UInt64($1) }
        }
        if matches(bytes, "info_hash") { return infoHash }
        if matches(bytes, "implied_port") { return impliedPort }
        return matches(bytes, "interval") ? interval : unknown
    }

    @inline(__always)
    private static func short(_ text: StaticString) -> UInt64 {
        var number = UInt64(text.utf8CodeUnitCount)
        for position in 0..<text.utf8CodeUnitCount {
            number = number << 8 | UInt64(text.utf8Start[position])
        }
        return number
    }

    @inline(__always)
    static func matches(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        for position in 0..<bytes.count where bytes[position] != text.utf8Start[position] {
            return false
        }
        return true
    }
}

extension KRPCMessage.Method {
    /// The method of a query, by its name on the wire.
    init(name: UnsafeRawBufferPointer) {
        self = .unknown
        switch name.count {
        case 3:
            if KRPCKey.matches(name, "get") { self = .get }
            if KRPCKey.matches(name, "put") { self = .put }
        case 4: if KRPCKey.matches(name, "ping") { self = .ping }
        case 9:
            if KRPCKey.matches(name, "find_node") { self = .findNode }
            if KRPCKey.matches(name, "get_peers") { self = .getPeers }
        case 13: if KRPCKey.matches(name, "announce_peer") { self = .announcePeer }
        case 17: if KRPCKey.matches(name, "sample_infohashes") { self = .sampleInfohashes }
        default: break
        }
    }
}
