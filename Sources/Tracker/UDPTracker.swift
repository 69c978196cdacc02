import Hashing
import Units

/// The datagrams of a UDP tracker's protocol (BEP 15, with URLData of BEP 41). All numbers are
/// big-endian.
public enum UDPTracker {
    enum Operation: UInt32 {
        case connect = 0
        case announce = 1
        case scrape = 2
        case error = 3
    }

    /// What every connect request begins with.
    private static let protocolID: UInt64 = 0x0417_2710_1980

    // MARK: Requests

    static func connectRequest(transaction: UInt32) -> [UInt8] {
        var packet = PacketWriter()
        packet.append(protocolID)
        packet.append(Operation.connect.rawValue)
        packet.append(transaction)
        return packet.bytes
    }

    static func announceRequest(
        _ request: AnnounceRequest, urlData: String, connectionID: UInt64, transaction: UInt32,
        overIPv4: Bool
    ) -> [UInt8] {
        var packet = PacketWriter()
        packet.append(connectionID)
        packet.append(Operation.announce.rawValue)
        packet.append(transaction)
        packet.append(request.infoHash.bytes, count: 20)
        packet.append(request.peerID, count: 20)
        packet.append(UInt64(clamping: request.downloaded))
        packet.append(UInt64(clamping: request.left))
        packet.append(UInt64(clamping: request.uploaded))
        packet.append(number(of: request.event))
        packet.append(overIPv4 ? request.address?.ipv4 ?? 0 : 0)
        packet.append(request.key)
        packet.append(UInt32(clamping: max(0, request.numWant)))
        packet.append(request.port)
        appendURLData(urlData, to: &packet)
        return packet.bytes
    }

    static func scrapeRequest(
        _ infoHashes: [SHA1Digest], connectionID: UInt64, transaction: UInt32
    ) -> [UInt8] {
        var packet = PacketWriter()
        packet.append(connectionID)
        packet.append(Operation.scrape.rawValue)
        packet.append(transaction)
        for infoHash in infoHashes.prefix(Limits.scrapeHashesMax) {
            packet.append(infoHash.bytes, count: 20)
        }
        return packet.bytes
    }

    private static func number(of event: AnnounceEvent) -> UInt32 {
        switch event {
        case .none: 0
        case .completed: 1
        case .started: 2
        case .stopped: 3
        }
    }

    /// Path and query in options of at most 255 bytes each (BEP 41). A URL that has neither
    /// sends no option, as a bare announce is what every tracker understands.
    private static func appendURLData(_ urlData: String, to packet: inout PacketWriter) {
        var rest = Array(urlData.utf8.prefix(Limits.urlDataByteCountMax))[...]
        while !rest.isEmpty {
            let part = rest.prefix(255)
            rest = rest.dropFirst(255)
            packet.append(Array([2, UInt8(part.count)] + part), count: part.count + 2)
        }
    }

    // MARK: Replies

    /// The head that all replies have; `nil` for what is no reply.
    static func head(_ packet: ArraySlice<UInt8>) -> (operation: Operation, transaction: UInt32)? {
        guard let number = uint32(packet, at: 0), let operation = Operation(rawValue: number),
            let transaction = uint32(packet, at: 4)
        else { return nil }
        return (operation, transaction)
    }

    static func connectionID(_ packet: ArraySlice<UInt8>) -> UInt64? {
        guard let high = uint32(packet, at: 8), let low = uint32(packet, at: 12) else {
            return nil
        }
        return UInt64(high) << 32 | UInt64(low)
    }

    /// The answer to an announce; `nil` if it is too short to be one. Its peers are of the
    /// family over which it came.
    static func announceResponse(
        _ packet: ArraySlice<UInt8>, overIPv4: Bool
    ) -> AnnounceResponse? {
        guard let interval = uint32(packet, at: 8), let leechers = uint32(packet, at: 12),
            let seeders = uint32(packet, at: 16)
        else { return nil }
        let wait = Interval.seconds(Int64(interval))
        var peers = PeerCollector()
        peers.take(packet.dropFirst(20), stride: overIPv4 ? 6 : 18)
        return AnnounceResponse(
            interval: max(Limits.intervalMin, min(wait, Limits.intervalMax)),
            peers: peers.endpoints,
            counts: SwarmCounts(seeders: count(seeders), leechers: count(leechers)))
    }

    /// The answer to a scrape for `infoHashes`, in whose order the counts come; torrents for
    /// which the packet is too short have none.
    static func scrapeResponse(
        _ packet: ArraySlice<UInt8>, for infoHashes: [SHA1Digest]
    ) -> ScrapeResponse {
        var response = ScrapeResponse(counts: [:])
        for (index, infoHash) in infoHashes.prefix(Limits.scrapeHashesMax).enumerated() {
            let offset = 8 + 12 * index
            guard let seeders = uint32(packet, at: offset),
                let downloads = uint32(packet, at: offset + 4),
                let leechers = uint32(packet, at: offset + 8)
            else { break }
            response.counts[infoHash] = SwarmCounts(
                seeders: count(seeders), leechers: count(leechers), downloads: count(downloads))
        }
        return response
    }

    static func errorText(_ packet: ArraySlice<UInt8>) -> String {
        TrackerText.clean(packet.dropFirst(8).prefix { $0 != 0 })
    }

    /// Counts are signed on the wire; trackers that do not know them send -1.
    private static func count(_ number: UInt32) -> Int? {
        number > UInt32(Int32.max) ? nil : Int(number)
    }

    private static func uint32(_ packet: ArraySlice<UInt8>, at offset: Int) -> UInt32? {
        guard packet.count >= offset + 4 else { return nil }
        return packet.dropFirst(offset).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}

private struct PacketWriter {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(128) }

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Exactly `count` bytes: the rest of a field that is too short is 0.
    mutating func append(_ field: [UInt8], count: Int) {
        bytes.append(contentsOf: field.prefix(count))
        for _ in 0..<max(0, count - field.count) { bytes.append(0) }
    }
}
