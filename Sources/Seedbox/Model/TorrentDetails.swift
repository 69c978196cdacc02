public import Units

/// A file of a torrent.
public struct FileRow: Sendable {
    public var index: Int
    /// From the save folder, with `/` between its names: `Album/01.flac`.
    public var path: String
    public var length: Int64
    public var bytesDone: Int64
    public var isWanted: Bool
    public var priority: FilePriority
    /// The pieces that hold any of it.
    public var pieces: Range<Int>

    public init(
        index: Int, path: String, length: Int64, bytesDone: Int64, isWanted: Bool,
        priority: FilePriority, pieces: Range<Int>
    ) {
        self.index = index
        self.path = path
        self.length = length
        self.bytesDone = bytesDone
        self.isWanted = isWanted
        self.priority = priority
        self.pieces = pieces
    }
}

/// A tracker of a torrent.
public struct TrackerRow: Sendable {
    public enum State: String, Sendable {
        case unused, waiting, announcing, working, failed
    }

    public var url: String
    public var tier: Int
    public var state = State.unused
    /// Its error or warning, or why it could not be asked.
    public var message: String?
    public var seeds: Int?
    public var leechers: Int?
    public var downloads: Int?
    public var peersInAnswer: Int?
    /// Seconds since 1970.
    public var lastAnnounce: Int64?
    /// When an announce last ended, also if it failed.
    public var lastTry: Int64?
    public var nextAnnounce: Int64?

    public init(url: String, tier: Int) {
        self.url = url
        self.tier = tier
    }
}

/// A connected peer.
public struct PeerRow: Sendable {
    public var endpoint: Endpoint
    /// The client's own words, or what its peer id says. A stranger's text.
    public var client: String
    public var isIncoming: Bool
    public var isEncrypted = false
    public var isUTP = false
    /// Between 0 and 1.
    public var progress: Double
    /// Bytes a second of payload.
    public var rateToUs: Int64
    public var rateToPeer: Int64
    public var downloaded: Int64
    public var uploaded: Int64
    public var weAreInterested: Bool
    public var weAreChoked: Bool
    public var peerIsInterested: Bool
    public var peerIsChoked: Bool
    /// Who told of it: tracker, dht, pex, lsd, incoming, link.
    public var sources: [String]

    /// The letters by which clients tell it: `D d U u K ? O S I H X L E e P`.
    public var flags: String {
        var flags = ""
        if weAreInterested {
            flags += weAreChoked ? "d" : "D"
        } else if !weAreChoked {
            flags += "K"
        }
        if peerIsInterested {
            flags += peerIsChoked ? "u" : "U"
        } else if !peerIsChoked {
            flags += "?"
        }
        if isIncoming { flags += "I" }
        if sources.contains("dht") { flags += "H" }
        if sources.contains("pex") { flags += "X" }
        if sources.contains("lsd") { flags += "L" }
        if isEncrypted { flags += "E" }
        if isUTP { flags += "P" }
        return flags
    }

    public init(
        endpoint: Endpoint, client: String, isIncoming: Bool, progress: Double, rateToUs: Int64,
        rateToPeer: Int64, downloaded: Int64, uploaded: Int64, weAreInterested: Bool,
        weAreChoked: Bool, peerIsInterested: Bool, peerIsChoked: Bool, sources: [String]
    ) {
        self.endpoint = endpoint
        self.client = client
        self.isIncoming = isIncoming
        self.progress = progress
        self.rateToUs = rateToUs
        self.rateToPeer = rateToPeer
        self.downloaded = downloaded
        self.uploaded = uploaded
        self.weAreInterested = weAreInterested
        self.weAreChoked = weAreChoked
        self.peerIsInterested = peerIsInterested
        self.peerIsChoked = peerIsChoked
        self.sources = sources
    }
}

/// Which pieces are there, and how many connected peers have each.
public struct PieceMap: Sendable {
    public var have: Bitfield
    /// Capped at 255; empty if nobody is connected.
    public var availability: [UInt8]

    public init(have: Bitfield, availability: [UInt8]) {
        self.have = have
        self.availability = availability
    }
}

/// Why a torrent is not faster, or does nothing: one reason, and how much speaks for it.
public struct SlownessReason: Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case paused, queued, waitingForStorage, noSpace, diskFails, diskIsSlow
        case noPeersKnown, dialsRefused, noIncomingConnections, trackersFail
        case nobodyHasThePieces, everybodyChokesUs, notInterested, rateLimit, noSlots
        case checking, noMetadata, nobodyWantsAnything
    }

    public var kind: Kind
    /// How often it was counted: peers, dials, times.
    public var count: Int
    /// One sentence, with what to do where that is known.
    public var text: String

    public init(kind: Kind, count: Int, text: String) {
        self.kind = kind
        self.count = count
        self.text = text
    }
}
