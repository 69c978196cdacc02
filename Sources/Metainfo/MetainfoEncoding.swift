import Bencode

// MARK: - What may change without another info-hash

extension Metainfo {
    /// Trackers in tiers (BEP 12), the first tier first.
    public var announceTiers: [[String]] {
        get { outer.announceTiers }
        set { outer.announceTiers = newValue.filter { !$0.isEmpty } }
    }

    /// Addresses of the files, or of the folder that they are in (BEP 19).
    public var webSeeds: [String] {
        get { outer.webSeeds }
        set { outer.webSeeds = newValue }
    }

    /// DHT nodes to begin with (BEP 5).
    public var nodes: [Node] {
        get { outer.nodes }
        set { outer.nodes = newValue }
    }

    public var comment: String? {
        get { outer.comment }
        set { outer.comment = newValue }
    }

    public var createdBy: String? {
        get { outer.createdBy }
        set { outer.createdBy = newValue }
    }

    /// Seconds since 1970.
    public var creationDate: Int64? {
        get { outer.creationDate }
        set { outer.creationDate = newValue }
    }

    /// The `.torrent`: the info dictionary and all keys that were not changed are as they came.
    public func encoded() -> [UInt8] {
        var entries = original.entries.mapValues { Bencode.raw($0) }
        if outer.announceTiers != original.read.announceTiers { setTrackers(in: &entries) }
        if outer.webSeeds != original.read.webSeeds {
            set("url-list", outer.webSeeds.isEmpty ? nil : webSeedsBencode, in: &entries)
        }
        if outer.nodes != original.read.nodes {
            let nodes = outer.nodes.map {
                Bencode.list([.string($0.host), .integer(Int64($0.port))])
            }
            set("nodes", nodes.isEmpty ? nil : .list(nodes), in: &entries)
        }
        if outer.comment != original.read.comment {
            setText("comment", outer.comment, in: &entries)
        }
        if outer.createdBy != original.read.createdBy {
            setText("created by", outer.createdBy, in: &entries)
        }
        if outer.creationDate != original.read.creationDate {
            set("creation date", outer.creationDate.map { .integer($0) }, in: &entries)
        }
        set("info", .raw(infoBytes), in: &entries)
        if version != .v1 { set("piece layers", layers.bencode, in: &entries) }
        return Bencode.dictionary(entries).encoded()
    }

    private var webSeedsBencode: Bencode {
        outer.webSeeds.count == 1
            ? .string(outer.webSeeds[0]) : .list(outer.webSeeds.map { .string($0) })
    }

    private func setTrackers(in entries: inout [[UInt8]: Bencode]) {
        let urls = outer.announceTiers.flatMap(\.self)
        set("announce", urls.first.map { .string($0) }, in: &entries)
        let tiers = outer.announceTiers.map { Bencode.list($0.map { .string($0) }) }
        set("announce-list", urls.count > 1 ? .list(tiers) : nil, in: &entries)
    }

    private func setText(_ key: String, _ text: String?, in entries: inout [[UInt8]: Bencode]) {
        set(key, text.map { .string($0) }, in: &entries)
        set(key + ".utf-8", nil, in: &entries)
    }

    private func set(_ key: String, _ value: Bencode?, in entries: inout [[UInt8]: Bencode]) {
        entries[Array(key.utf8)] = value
    }
}

/// The keys of a `.torrent` beside `info` and `piece layers`, as they came, so that those that
/// nobody changes, and those that nobody here knows, are written as they were.
struct OriginalKeys: Sendable {
    let entries: [[UInt8]: [UInt8]]
    /// What was made of them.
    let read: OuterKeys

    init(_ root: BencodeValue?, read: OuterKeys) {
        var entries: [[UInt8]: [UInt8]] = [:]
        if let root {
            for (key, value) in root.entries where entries[Array(key)] == nil {
                entries[Array(key)] = Array(value.rawBytes)
            }
        }
        entries[Array("info".utf8)] = nil
        entries[Array("piece layers".utf8)] = nil
        self.entries = entries
        self.read = read
    }
}

// MARK: - What gives the torrent another info-hash

extension Metainfo {
    /// The same content under another info-hash: with another name, another `private`, another
    /// `source`. What is `nil` stays as it is; an empty source is none. All other keys of the info
    /// dictionary are kept, those that nobody here knows too.
    public func changingInfo(
        name: String? = nil, isPrivate: Bool? = nil, source: String? = nil
    ) throws(MetainfoError) -> Metainfo {
        let document: BencodeDocument
        do {
            document = try BencodeDocument(infoBytes, limits: .metainfo)
        } catch {
            throw .bencoding(error)
        }
        var entries: [[UInt8]: Bencode] = [:]
        for (key, value) in document.root.entries where entries[Array(key)] == nil {
            entries[Array(key)] = .raw(Array(value.rawBytes))
        }
        if let isPrivate { set("private", isPrivate ? 1 : nil, in: &entries) }
        if let source { set("source", source.isEmpty ? nil : .string(source), in: &entries) }
        if let name {
            guard MetainfoBuilder.isElement(Array(name.utf8)) else { throw .nameInvalid }
            setText("name", name, in: &entries)
            // The one file of a v2 torrent has its name in the tree, too.
            var tree = document.root["file tree"]?.entries
            if isSingleFile, let (_, file) = tree?.next() {
                set("file tree", .keyed([name: .raw(Array(file.rawBytes))]), in: &entries)
            }
        }
        return try Metainfo(self, infoBytes: Bencode.dictionary(entries).encoded())
    }
}
