/// How names are written: `downloadDir` and `download-dir`, as programs have done since 2008, or
/// `download_dir`, as those of Transmission 4.1 do. The names are the same otherwise.
enum Spelling: Sendable {
    case old
    case new

    /// The name as this spelling has it, given as the old one has it.
    func name(_ old: String) -> String {
        switch self {
        case .old: old
        case .new: Self.plain(old)
        }
    }

    /// The one form that both spellings come to, which is the new one's: by it names are compared.
    static func plain(_ name: String) -> String {
        if let renamed = renamed[name] { return renamed }
        var plain: [UInt8] = []
        var isAfterSmall = false
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "-"):
                plain.append(UInt8(ascii: "_"))
                isAfterSmall = false
            case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                if isAfterSmall { plain.append(UInt8(ascii: "_")) }
                plain.append(byte | 0x20)
                isAfterSmall = false
            default:
                plain.append(byte)
                isAfterSmall = byte != UInt8(ascii: "_")
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }

    /// Those that are not spelt alike but for the spelling.
    private static let renamed = ["cache-size-mb": "cache_size_mib"]
}
