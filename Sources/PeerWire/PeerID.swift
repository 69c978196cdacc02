/// The 20 bytes by which a client names itself in a torrent's swarm (BEP 3, BEP 20), held in
/// place.
public struct PeerID: Hashable, Sendable {
    public static let byteCount = 20

    private let high: UInt64
    private let middle: UInt64
    private let low: UInt32

    /// `nil` unless there are exactly 20 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        var high: UInt64 = 0
        var middle: UInt64 = 0
        var low: UInt32 = 0
        var count = 0
        for byte in bytes {
            switch count {
            case ..<8: high = high << 8 | UInt64(byte)
            case ..<16: middle = middle << 8 | UInt64(byte)
            case ..<20: low = low << 8 | UInt32(byte)
            default: return nil
            }
            count += 1
        }
        guard count == Self.byteCount else { return nil }
        self.high = high
        self.middle = middle
        self.low = low
    }

    public var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * $0)) }
            + (0..<8).map { UInt8(truncatingIfNeeded: middle >> UInt64(56 - 8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: low >> UInt32(24 - 8 * $0)) }
    }

    private init(first bytes: [UInt8]) {
        func word(_ range: Range<Int>) -> UInt64 {
            range.reduce(0) { $0 << 8 | UInt64($1 < bytes.count ? bytes[$1] : 0) }
        }
        self.high = word(0..<8)
        self.middle = word(8..<16)
        self.low = UInt32(truncatingIfNeeded: word(16..<20))
    }

    /// A new id: `prefix`, cut to 20 bytes, and letters and digits by chance after it.
    public static func make(
        prefix: String = "-SW0100-", using generator: inout some RandomNumberGenerator
    ) -> PeerID {
        let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        var bytes = Array(prefix.utf8.prefix(byteCount))
        while bytes.count < byteCount {
            bytes.append(alphabet.randomElement(using: &generator) ?? UInt8(ascii: "0"))
        }
        return PeerID(first: bytes)
    }
}

extension PeerID: CustomStringConvertible {
    /// The bytes as ASCII; what cannot be printed is a dot.
    public var description: String {
        String(
            decoding: bytes.map { (33...126).contains($0) ? $0 : UInt8(ascii: ".") }, as: UTF8.self)
    }
}
