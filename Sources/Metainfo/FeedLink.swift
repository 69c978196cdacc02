public import Hashing
import Units

/// What names a feed: the key that signs in the DHT which torrent is its newest, and a salt where
/// one key signs several (BEP 46, "Magnet link").
public struct FeedLink: Hashable, Sendable {
    public let key: Ed25519PublicKey
    /// At most 64 bytes (BEP 44, "Mutable Items").
    public let salt: [UInt8]

    /// `nil` if the salt is too long.
    public init?(key: Ed25519PublicKey, salt: [UInt8] = []) {
        guard salt.count <= Limits.feedSaltBytesMax else { return nil }
        self.key = key
        self.salt = salt
    }

    /// Reads `magnet:?xs=urn:btpk:…&s=…`; `nil` if there is no key of 64 hexadecimal digits, two
    /// different ones, or a salt that is none. Other parts are passed over.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Limits.magnetBytesMax, text.prefix(8).lowercased() == "magnet:?"
        else { return nil }
        var key: Ed25519PublicKey?
        var salt: [UInt8]?
        for part in Array(text.utf8.dropFirst(8)).split(separator: UInt8(ascii: "&")) {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let name = String(decoding: part[..<equals], as: UTF8.self).lowercased()
            let value = String(
                decoding: PercentEncoding.decoded(part[(equals + 1)...], plusIsSpace: false),
                as: UTF8.self)
            if name == "xs", value.prefix(9).lowercased() == "urn:btpk:" {
                guard let read = Ed25519PublicKey(hex: value.dropFirst(9)),
                    key == nil || key == read
                else { return nil }
                key = read
            } else if name == "s" {
                guard salt == nil, let read = bytes(fromHex: value) else { return nil }
                salt = read
            }
        }
        guard let key else { return nil }
        self.init(key: key, salt: salt ?? [])
    }

    /// The link as text.
    public var text: String {
        "magnet:?xs=urn:btpk:\(key)" + (salt.isEmpty ? "" : "&s=\(hexText(salt))")
    }
}
