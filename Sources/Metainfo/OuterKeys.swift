import Bencode

/// What a `.torrent` says outside the info dictionary, where it can be changed without giving the
/// torrent another name.
struct OuterKeys: Hashable, Sendable {
    var announceTiers: [[String]] = []
    var webSeeds: [String] = []
    var nodes: [Metainfo.Node] = []
    var comment: String?
    var createdBy: String?
    var creationDate: Int64?
}

extension OuterKeys {
    /// All that trackers are spoken to by. An address of any other kind is not one of a tracker.
    static let trackerSchemes: Set<String> = ["http", "https", "udp", "wss"]
    static let webSeedSchemes: Set<String> = ["http", "https"]

    /// Reads what is of use and leaves out the rest, with a warning.
    init(_ root: BencodeValue, warnings: inout [MetainfoWarning]) {
        announceTiers = Self.tiers(of: root, &warnings)
        webSeeds = Self.webSeeds(of: root, &warnings)
        nodes = Self.nodes(of: root, &warnings)
        comment = Self.text(root, "comment")
        createdBy = Self.text(root, "created by")
        creationDate = root["creation date"]?.integer.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// `announce-list` (BEP 12) if there is a tracker in it, `announce` (BEP 3) otherwise.
    private static func tiers(
        of root: BencodeValue, _ warnings: inout [MetainfoWarning]
    ) -> [[String]] {
        var urls = URLCollector(schemes: trackerSchemes)
        var tiers: [[String]] = []
        for tier in Self.elements(of: root["announce-list"]) {
            // A tier ought to be a list; a string alone can only be meant as one of one.
            let found =
                tier.isList
                ? tier.elements.compactMap { urls.take($0, max: Limits.trackerCountMax) }
                : [urls.take(tier, max: Limits.trackerCountMax)].compactMap(\.self)
            if !found.isEmpty { tiers.append(found) }
        }
        if tiers.isEmpty, let announce = root["announce"],
            let url = urls.take(announce, max: Limits.trackerCountMax)
        {
            tiers = [[url]]
        }
        warnings += urls.warnings(tooMany: MetainfoWarning.trackersLeftOut)
        return tiers
    }

    /// `url-list` (BEP 19): one or a list.
    private static func webSeeds(
        of root: BencodeValue, _ warnings: inout [MetainfoWarning]
    ) -> [String] {
        guard let value = root["url-list"] else { return [] }
        var urls = URLCollector(schemes: webSeedSchemes)
        let seeds =
            value.isList
            ? value.elements.compactMap { urls.take($0, max: Limits.webSeedCountMax) }
            : [urls.take(value, max: Limits.webSeedCountMax)].compactMap(\.self)
        warnings += urls.warnings(tooMany: MetainfoWarning.webSeedsLeftOut)
        return seeds
    }

    /// `nodes` (BEP 5): pairs of host and port.
    private static func nodes(
        of root: BencodeValue, _ warnings: inout [MetainfoWarning]
    ) -> [Metainfo.Node] {
        var nodes: [Metainfo.Node] = []
        var leftOut = 0
        for value in Self.elements(of: root["nodes"]) {
            var pair = value.elements.makeIterator()
            guard let host = pair.next()?.string, let port = pair.next()?.integer,
                let port = UInt16(exactly: port),
                let node = Metainfo.Node(host: host, port: port)
            else { continue }
            if nodes.count < Limits.nodeCountMax { nodes.append(node) } else { leftOut += 1 }
        }
        if leftOut > 0 { warnings.append(.nodesLeftOut(leftOut)) }
        return nodes
    }

    private static func elements(of list: BencodeValue?) -> [BencodeValue] {
        list.map { Array($0.elements) } ?? []
    }

    private static func text(_ root: BencodeValue, _ key: String) -> String? {
        let bytes = root[key + ".utf-8"]?.bytes ?? root[key]?.bytes
        return bytes.flatMap { $0.isEmpty ? nil : text($0) }
    }

    /// Text for people, whatever bytes it is made of, and not without end.
    static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix(Limits.textBytesMax), as: UTF8.self)
    }
}

/// Takes addresses that are of use, each once.
struct URLCollector {
    private let schemes: Set<String>
    private var taken: Set<String> = []
    private var refused: [String] = []
    private var leftOut = 0

    init(schemes: Set<String>) { self.schemes = schemes }

    mutating func take(_ value: BencodeValue, max: Int) -> String? {
        guard let bytes = value.bytes else { return nil }
        guard bytes.count <= Limits.urlBytesMax else {
            leftOut += 1
            return nil
        }
        return take(String(decoding: bytes, as: UTF8.self), max: max)
    }

    mutating func take(_ text: String, max: Int) -> String? {
        let url = URLText.cleaned(text)
        guard !url.isEmpty, !taken.contains(url) else { return nil }
        guard url.utf8.count <= Limits.urlBytesMax, let scheme = URLText.scheme(of: url),
            schemes.contains(scheme)
        else {
            if refused.count < Limits.warningCountMax { refused.append(url) }
            return nil
        }
        guard taken.count < max else {
            leftOut += 1
            return nil
        }
        taken.insert(url)
        return url
    }

    func warnings(tooMany: (Int) -> MetainfoWarning) -> [MetainfoWarning] {
        refused.map { .addressRefused($0) } + (leftOut > 0 ? [tooMany(leftOut)] : [])
    }
}

enum URLText {
    /// Without white space around it, and with what an address may not hold written in percents.
    static func cleaned(_ text: String) -> String {
        let isSpace: (UInt8) -> Bool = { $0 <= 0x20 }
        let bytes = text.utf8.drop(while: isSpace)
        let end = bytes.lastIndex { !isSpace($0) }.map { bytes.index(after: $0) }
        let trimmed = bytes[..<(end ?? bytes.startIndex)]
        guard !trimmed.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return String(trimmed) ?? "" }
        return PercentEncoding.encoded(trimmed) { $0 > 0x20 && $0 < 0x7F }
    }

    /// In lower case; `nil` unless the address begins with a scheme, `://` and something more.
    static func scheme(of url: String) -> String? {
        guard let colon = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let rest = url[colon...]
        guard rest.hasPrefix("://"), rest.utf8.count > 3 else { return nil }
        return url[..<colon].lowercased()
    }
}
