import FoundationEssentials
import HTTPTypes
import JSONText
import Units

/// The members of a request's body, each taken once and by its form. What is left over at the end
/// is a mistake of the sender's, and said.
struct JSONInput {
    private var members: [String: JSON]
    private let path: String

    init(_ json: JSON, at path: String = "") throws(HTTPFailure) {
        guard let members = json.members else {
            throw Self.bad(path.isEmpty ? "the body" : path, "write an object")
        }
        self.members = Dictionary(members.map { ($0.name, $0.value) }) { first, _ in first }
        self.path = path
    }

    static func bad(_ field: String, _ reason: String) -> HTTPFailure {
        HTTPFailure(.badRequest, "bad-value", "\(field.shownInLog): \(reason)")
    }

    /// Ends the reading: nothing may be left.
    func end() throws(HTTPFailure) {
        if let name = members.keys.min() {
            throw Self.bad(path.isEmpty ? name : "\(path).\(name)", "unknown here")
        }
    }

    mutating func take(_ name: String) -> JSON? { members.removeValue(forKey: name) }

    /// Nil if it is not there.
    mutating func value<Value>(
        _ name: String, _ wanted: String, _ read: (JSON) -> Value?
    ) throws(HTTPFailure) -> Value? {
        guard let json = take(name) else { return nil }
        guard let value = read(json) else {
            throw Self.bad(path.isEmpty ? name : "\(path).\(name)", "write \(wanted)")
        }
        return value
    }

    /// Nil if it is not there, and nil within if it is null.
    mutating func nullable<Value>(
        _ name: String, _ wanted: String, _ read: (JSON) -> Value?
    ) throws(HTTPFailure) -> Value?? {
        if case .null? = members[name] {
            members[name] = nil
            return .some(nil)
        }
        return try value(name, wanted + " or null", read)
    }

    mutating func string(_ name: String) throws(HTTPFailure) -> String? {
        try value(name, "text", \.string)
    }

    mutating func bool(_ name: String) throws(HTTPFailure) -> Bool? {
        try value(name, "true or false", \.bool)
    }

    mutating func strings(_ name: String) throws(HTTPFailure) -> [String]? {
        try value(name, "a list of texts") { json in
            guard let elements = json.elements else { return nil }
            let texts = elements.compactMap(\.string)
            return texts.count == elements.count ? texts : nil
        }
    }

    /// By number of the file: `{"0": …}`.
    mutating func byFile<Value>(
        _ name: String, _ wanted: String, _ read: (JSON) -> Value?
    ) throws(HTTPFailure) -> [Int: Value]? {
        try value(name, "an object of files' numbers, each with \(wanted)") { json in
            guard let members = json.members else { return nil }
            var values: [Int: Value] = [:]
            for member in members {
                guard let index = Int(member.name), index >= 0, let value = read(member.value)
                else { return nil }
                values[index] = value
            }
            return values
        }
    }

    // MARK: What is common to several

    static func priority(_ json: JSON) -> FilePriority? {
        json.string.flatMap(FilePriority.init(word:))
    }

    /// Bytes a second, peers: a number that is no less than 0.
    static func amount(_ json: JSON) -> Int64? { json.integer.flatMap { $0 >= 0 ? $0 : nil } }

    static func count(_ json: JSON) -> Int? { amount(json).flatMap { Int(exactly: $0) } }

    mutating func seedingLimits(
        _ name: String, over start: SeedingLimits = SeedingLimits()
    ) throws(HTTPFailure) -> SeedingLimits? {
        guard let json = take(name) else { return nil }
        var input = try JSONInput(json, at: name)
        var limits = start
        limits.ratio =
            try input.rule("ratio") { $0.number.flatMap { $0 >= 0 ? $0 : nil } } ?? limits.ratio
        limits.seedTime = try input.rule("seedTime", Self.amount) ?? limits.seedTime
        limits.idle = try input.rule("idle", Self.amount) ?? limits.idle
        let action = try input.nullable("action", "pause, remove or remove-with-data") {
            $0.string.flatMap(LimitAction.init(rawValue:))
        }
        if let action { limits.action = action }
        try input.end()
        return limits
    }

    private mutating func rule<Value>(
        _ name: String, _ read: (JSON) -> Value?
    ) throws(HTTPFailure) -> SeedingLimits.Rule<Value>? {
        try value(name, "a number, null for none, or \"inherited\"") { json in
            switch json {
            case .null, .string("none"), .string("unlimited"): .unlimited
            case .string("inherited"): .inherited
            default: read(json).map { .atMost($0) }
            }
        }
    }
}

extension AddRequest {
    init(_ json: JSON) throws(HTTPFailure) {
        var input = try JSONInput(json)
        let manifest = try input.value("manifest", "a .torrent in base64") { json in
            json.string.flatMap { Data(base64Encoded: $0) }.map(Array.init)
        }
        let link = try input.string("link")
        let url = try input.string("url")
        let sources = [
            manifest.map(Source.manifest), link.map(Source.link), url.map(Source.url),
        ].compactMap(\.self)
        guard let source = sources.first, sources.count == 1 else {
            throw JSONInput.bad("the body", "write one of 'manifest', 'link' and 'url'")
        }
        self.init(source)
        folder = try input.nullable("folder", "a path", \.string) ?? nil
        if folder?.isEmpty == true { folder = nil }
        startsPaused = try input.bool("startsPaused")
        category = try input.nullable("category", "a name", \.string) ?? nil
        if category?.isEmpty == true { category = nil }
        labels = try input.strings("labels") ?? []
        let wanted = try input.value("wantedFiles", "a list of files' numbers") { json -> [Int]? in
            guard let elements = json.elements else { return nil }
            let numbers = elements.compactMap(JSONInput.count)
            return numbers.count == elements.count ? numbers : nil
        }
        wantedFiles = wanted.map(Set.init)
        filePriorities =
            try input.byFile("filePriorities", "low, normal or high", JSONInput.priority) ?? [:]
        isSequential = try input.bool("isSequential") ?? false
        goesToTopOfQueue = try input.bool("goesToTopOfQueue") ?? false
        priority =
            try input.value("priority", "low, normal or high", JSONInput.priority) ?? .normal
        seedingLimits = try input.seedingLimits("seedingLimits") ?? SeedingLimits()
        downloadLimit =
            try input.nullable("downloadLimit", "bytes a second", JSONInput.amount)
            ?? nil
        uploadLimit = try input.nullable("uploadLimit", "bytes a second", JSONInput.amount) ?? nil
        peersMax = try input.nullable("peersMax", "a number", JSONInput.count) ?? nil
        peers = try input.endpoints("peers") ?? []
        try input.end()
    }
}

extension JSONInput {
    mutating func endpoints(_ name: String) throws(HTTPFailure) -> [Endpoint]? {
        try value(name, "a list of addresses, as 192.0.2.1:6881") { json in
            guard let elements = json.elements, elements.count <= Limits.peersAddedMax else {
                return nil
            }
            let peers = elements.compactMap { element -> Endpoint? in
                guard let text = element.string, let place = try? HostPort(text) else {
                    return nil
                }
                return Endpoint(addressText: place.host, port: place.port)
            }
            return peers.count == elements.count ? peers : nil
        }
    }
}

extension TorrentChanges {
    /// - Parameter row: The torrent as it is, for limits of which only some are named.
    init(_ json: JSON, of row: TorrentRow?) throws(HTTPFailure) {
        var input = try JSONInput(json)
        self.init()
        labels = try input.strings("labels")
        category = try input.name("category")
        group = try input.name("group")
        priority = try input.value("priority", "low, normal or high", JSONInput.priority)
        isSequential = try input.bool("isSequential")
        honoursSessionLimits = try input.bool("honoursSessionLimits")
        downloadLimit = try input.nullable("downloadLimit", "bytes a second", JSONInput.amount)
        uploadLimit = try input.nullable("uploadLimit", "bytes a second", JSONInput.amount)
        peersMax = try input.nullable("peersMax", "a number", JSONInput.count)
        seedingLimits = try input.seedingLimits(
            "seedingLimits", over: row?.seedingLimits ?? SeedingLimits())
        queuePosition = try input.value("queuePosition", "a number", JSONInput.count)
        wanted = try input.byFile("wanted", "true or false", \.bool) ?? [:]
        filePriorities =
            try input.byFile("filePriorities", "low, normal or high", JSONInput.priority) ?? [:]
        trackers = try input.value("trackers", "a list of tiers, each a list of links") { json in
            guard let tiers = json.elements else { return nil }
            let read = tiers.compactMap { tier -> [String]? in
                guard let elements = tier.elements else { return nil }
                let links = elements.compactMap(\.string)
                return links.count == elements.count ? links : nil
            }
            return read.count == tiers.count ? read : nil
        }
        try input.end()
    }
}

extension JSONInput {
    /// A name, or none: null and the empty one are that.
    fileprivate mutating func name(_ name: String) throws(HTTPFailure) -> String?? {
        let value = try nullable(name, "a name", \.string)
        if case .some(.some("")) = value { return .some(nil) }
        return value
    }
}
