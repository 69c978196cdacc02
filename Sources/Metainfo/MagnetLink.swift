public import Hashing
public import Units

/// What names a torrent in one line of text, for the rest of it to come from peers (BEP 9).
public struct MagnetLink: Hashable, Sendable {
    /// A peer to begin with (BEP 9, "x.pe").
    public struct Peer: Hashable, Sendable {
        /// A name or an address; an IPv6 address without brackets.
        public let host: String
        public let port: UInt16

        /// `nil` if it cannot be one: no host, or port 0.
        public init?(host: String, port: UInt16) {
            guard let node = Metainfo.Node(host: host, port: port) else { return nil }
            self.host = node.host
            self.port = node.port
        }

        /// `nil` if the host is a name.
        public var endpoint: Endpoint? { Endpoint(addressText: host, port: port) }
    }

    public var infoHash: InfoHash
    /// For people to read; not safe as a file name.
    public var displayName: String?
    public var trackers: [String]
    /// Addresses of the files (BEP 19).
    public var webSeeds: [String]
    public var peers: [Peer]
    /// The files to get; `nil` for all (BEP 53).
    public var selectedFiles: FileSelection?
    /// Bytes of the content.
    public var exactLength: Int64?

    public init(
        infoHash: InfoHash, displayName: String? = nil, trackers: [String] = [],
        webSeeds: [String] = [], peers: [Peer] = [], selectedFiles: FileSelection? = nil,
        exactLength: Int64? = nil
    ) {
        self.infoHash = infoHash
        self.displayName = displayName
        self.trackers = trackers
        self.webSeeds = webSeeds
        self.peers = peers
        self.selectedFiles = selectedFiles
        self.exactLength = exactLength
    }

    /// The peers that may be dialled without asking: a link from anywhere must not make us knock on
    /// what is near us. Whether a name leads there shows only once it is looked up.
    public var publicPeers: [Peer] {
        peers.filter { $0.endpoint.map { $0.isDialable && !$0.isLocal } ?? true }
    }
}

/// Numbers of files, in ranges (BEP 53, "so").
public struct FileSelection: Hashable, Sendable {
    /// Ascending, without overlap, and not next to each other.
    public let ranges: [ClosedRange<UInt32>]

    public init(_ ranges: some Sequence<ClosedRange<UInt32>>) {
        var merged: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard let last = merged.last,
                range.lowerBound <= last.upperBound.addingSaturating(1)
            else {
                merged.append(range)
                continue
            }
            merged[merged.count - 1] =
                last.lowerBound...max(last.upperBound, range.upperBound)
        }
        self.ranges = merged
    }

    public func contains(_ file: FileIndex) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = low + (high - low) / 2
            if ranges[middle].upperBound < file.rawValue { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].contains(file.rawValue)
    }
}

/// Why text is not a magnet link to a torrent.
public enum MagnetError: Error, Hashable, Sendable {
    case tooLong(byteCount: Int, max: Int)
    case notMagnet
    /// No `xt` that names a torrent.
    case infoHashMissing
    /// An info-hash that is neither 40 hexadecimal digits nor 32 of base 32, or for v2 `1220` and
    /// 64 hexadecimal digits; its beginning.
    case infoHashMalformed(String)
    /// Two different info-hashes of one kind.
    case infoHashTwice
}

extension MagnetError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tooLong(let count, let max): "magnet link: \(count) bytes, more than \(max)"
        case .notMagnet: "not a magnet link"
        case .infoHashMissing: "magnet link: no info-hash"
        case .infoHashMalformed(let text): "magnet link: not an info-hash: \(text)"
        case .infoHashTwice: "magnet link: two different info-hashes"
        }
    }
}

extension Metainfo {
    /// The link by which others get this torrent.
    public var magnetLink: MagnetLink {
        MagnetLink(
            infoHash: infoHash, displayName: name, trackers: announceTiers.flatMap(\.self),
            webSeeds: webSeeds, exactLength: layout.contentLength)
    }
}
