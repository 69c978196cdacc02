// The ways in which clients write their name and version into a peer id (BEP 20).

extension PeerID {
    /// The client, and its version where it says one: `qBittorrent 4.5.2`. Printable ASCII only;
    /// of an unknown client, the part of the id that can be printed.
    public var clientName: String {
        let bytes = bytes
        return Self.unusualName(bytes) ?? Self.azureusStyle(bytes) ?? Self.mainlineStyle(bytes)
            ?? Self.shadowStyle(bytes) ?? unknownName(bytes)
    }

    private func unknownName(_ bytes: [UInt8]) -> String {
        let readable = bytes.prefix { $0.isPrintable }
        guard readable.count >= 3 else { return "unknown" }
        return "unknown (\(String(decoding: readable.prefix(8), as: UTF8.self)))"
    }
}

// MARK: - Azureus style: -XX1234-

extension PeerID {
    private static func azureusStyle(_ bytes: [UInt8]) -> String? {
        guard bytes[0] == UInt8(ascii: "-"), bytes[1].isPrintable, bytes[2].isPrintable else {
            return nil
        }
        // Some clients leave the second dash out, so it is not asked for.
        let digits = bytes[3..<7].map(\.versionDigit)
        guard let major = digits[0], let minor = digits[1], let patch = digits[2] else {
            return nil
        }
        let code = String(decoding: bytes[1..<3], as: UTF8.self)
        let name = azureusNames[code] ?? code
        // Transmission wrote its version as one number and two digits until 3.00.
        if code == "TR", major < 4 { return "\(name) \(major).\(minor)\(patch)" }
        let version = "\(major).\(minor).\(patch)"
        guard let last = digits[3], last > 0, bytes[6].isASCIIDigit else {
            return "\(name) \(version)"
        }
        return "\(name) \(version).\(last)"
    }

    private static let azureusNames: [String: String] = [
        "7T": "aTorrent", "AB": "AnyEvent BitTorrent", "AG": "Ares", "AR": "Arctic",
        "AT": "Artemis", "AV": "Avicora", "AX": "BitPump", "AZ": "Azureus", "A~": "Ares",
        "BB": "BitBuddy", "BC": "BitComet", "BE": "baretorrent", "BF": "Bitflu", "BG": "BTG",
        "BI": "BiglyBT", "BL": "BitBlinder", "BP": "BitTorrent Pro", "BR": "BitRocket",
        "BS": "BTSlave", "BT": "BitTorrent", "BU": "BigUp", "BW": "BitWombat",
        "BX": "Bittorrent X", "CD": "Enhanced CTorrent", "CT": "CTorrent", "DE": "Deluge",
        "DP": "Propagate Data Client", "EB": "EBit", "ES": "electric sheep", "FC": "FileCroc",
        "FT": "FoxTorrent", "FW": "FrostWire", "FX": "Freebox BitTorrent", "GS": "GSTorrent",
        "GT": "anacrolix/torrent", "HK": "Hekate", "HL": "Halite", "HN": "Hydranode",
        "IL": "iLivid", "KC": "Koinonein", "KG": "KGet", "KT": "KTorrent", "LC": "LeechCraft",
        "LH": "LH-ABC", "LK": "Linkage", "LP": "Lphant", "LR": "LibreTorrent",
        "LT": "libtorrent", "LW": "LimeWire", "ML": "MLDonkey", "MO": "MonoTorrent",
        "MP": "MooPolice", "MR": "Miro", "MT": "MoonlightTorrent", "NX": "Net Transport",
        "OS": "OneSwarm", "OT": "OmegaTorrent", "PD": "Pando", "PI": "PicoTorrent",
        "QD": "QQDownload", "QT": "Qt 4 Torrent example", "RT": "Retriever",
        "RZ": "RezTorrent", "SB": "Swiftbit", "SD": "Xunlei", "SK": "spark", "SN": "ShareNET",
        "SS": "SwarmScope", "ST": "SymTorrent", "SW": "swarm", "SZ": "Shareaza",
        "S~": "Shareaza alpha/beta", "TB": "Torch", "TL": "Tribler",
        "TN": "TorrentDotNET", "TR": "Transmission", "TS": "Torrentstorm", "TT": "TuoTu",
        "UL": "uLeecher!", "UM": "uTorrent Mac", "UT": "uTorrent", "UW": "uTorrent Web",
        "VG": "Vagaa", "WD": "WebTorrent Desktop", "WT": "BitLet", "WW": "WebTorrent",
        "WY": "FireTorrent", "XF": "Xfplay", "XL": "Xunlei", "XS": "XSwifter",
        "XT": "XanTorrent", "XX": "Xtorrent", "ZO": "Zona", "ZT": "ZipTorrent",
        "lt": "rTorrent", "pX": "pHoeniX", "qB": "qBittorrent", "rQ": "rqbit",
        "st": "sharktorrent",
    ]
}

// MARK: - Other styles

extension PeerID {
    /// `M7-10-2-`: a letter and numbers with dashes.
    private static func mainlineStyle(_ bytes: [UInt8]) -> String? {
        let names = [UInt8(ascii: "M"): "BitTorrent", UInt8(ascii: "Q"): "Queen Bee"]
        guard let name = names[bytes[0]] else { return nil }
        let parts = bytes[1..<9].split(
            separator: UInt8(ascii: "-"), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4,
            parts.prefix(3).allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isASCIIDigit) })
        else { return nil }
        let version = parts.prefix(3).map { String(decoding: $0, as: UTF8.self) }
        return "\(name) \(version.joined(separator: "."))"
    }

    /// `S58B-----`: a letter, up to five characters of version, dashes to fill, three dashes.
    private static func shadowStyle(_ bytes: [UInt8]) -> String? {
        let names: [UInt8: String] = [
            UInt8(ascii: "A"): "ABC", UInt8(ascii: "O"): "Osprey Permaseed",
            UInt8(ascii: "Q"): "BTQueue", UInt8(ascii: "R"): "Tribler",
            UInt8(ascii: "S"): "Shadow", UInt8(ascii: "T"): "BitTornado",
            UInt8(ascii: "U"): "UPnP NAT Bit Torrent",
        ]
        guard let name = names[bytes[0]],
            bytes[6..<9].allSatisfy({ $0 == UInt8(ascii: "-") })
        else { return nil }
        let digits = bytes[1..<6].prefix { $0 != UInt8(ascii: "-") }.map(\.versionDigit)
        guard !digits.isEmpty, digits.allSatisfy({ $0 != nil }) else { return nil }
        return "\(name) \(digits.compactMap { $0.map(String.init) }.joined(separator: "."))"
    }

    /// Ids that follow no style but their own.
    private static func unusualName(_ bytes: [UInt8]) -> String? {
        if let known = unusualNames.first(where: { bytes.starts(with: $0.prefix.utf8) }) {
            return known.name
        }
        if bytes.starts(with: "-BOW".utf8) { return "Bits on Wheels" }
        if bytes[2..<4].elementsEqual("BS".utf8), bytes[0] == 0 { return "BitSpirit" }
        if bytes[2..<4].elementsEqual("RS".utf8), !bytes[0].isPrintable { return "Rufus" }
        return nil
    }

    private static let unusualNames: [(prefix: String, name: String)] = [
        ("-ML", "MLDonkey"), ("-G3", "G3 Torrent"), ("-FG", "FlashGet"), ("AZ2500BT", "BitTyrant"),
        ("346------", "TorrenTopia"), ("exbc", "BitComet"), ("FUTB", "BitComet"), ("XBT", "XBT"),
        ("OP", "Opera"), ("TIX", "Tixati"), ("btpd/", "btpd"), ("DNA", "BitTorrent DNA"),
        ("Plus", "Plus!"), ("turbobt", "TurboBT"), ("Mbrst", "burst!"), ("LIME", "LimeWire"),
        ("Pando-", "Pando"), ("QVOD", "Qvod"),
    ]
}

extension UInt8 {
    fileprivate var isPrintable: Bool { (33...126).contains(self) }
    fileprivate var isASCIIDigit: Bool { (48...57).contains(self) }

    /// A digit or a letter of a version; letters go on where the digits end (BEP 20).
    fileprivate var versionDigit: Int? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(self - UInt8(ascii: "0"))
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(self - UInt8(ascii: "A")) + 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(self - UInt8(ascii: "a")) + 36
        case UInt8(ascii: "."): 62
        default: nil
        }
    }
}
