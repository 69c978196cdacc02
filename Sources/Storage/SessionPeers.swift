import Foundation
import GRDB
public import Units

extension SessionStore {
    /// How many peers of a torrent are kept.
    public static var peersKeptMax: Int { Limits.peersKept }

    /// Peers that are worth being dialled when the torrent goes on, the best first.
    public func peers(of id: TorrentRecord.ID) throws(SessionStoreError) -> [Endpoint] {
        try reading { db in try Self.peers(of: id, db) }
    }

    /// Adds peers that somebody names to those that are kept, before them.
    public func add(
        peers: [Endpoint], of id: TorrentRecord.ID
    ) throws(SessionStoreError) {
        try quickly { db in
            let known = try Self.peers(of: id, db)
            try Self.write(peers + known.filter { !peers.contains($0) }, of: id, db)
        }
    }

    /// Keeps the peers of several torrents instead of those that were kept, in one transaction.
    public func set(
        peers: [TorrentRecord.ID: [Endpoint]]
    ) throws(SessionStoreError) {
        try quickly { db in
            for (id, peers) in peers { try Self.write(peers, of: id, db) }
        }
    }

    private static func peers(of id: TorrentRecord.ID, _ db: Database) throws -> [Endpoint] {
        let bytes = try Data.fetchOne(
            db, sql: "SELECT endpoints FROM peers WHERE torrent = ?", arguments: [id.rawValue])
        return endpoints(in: bytes ?? Data())
    }

    /// A torrent that has been removed meanwhile has none.
    static func write(_ peers: [Endpoint], of id: TorrentRecord.ID, _ db: Database) throws {
        guard !peers.isEmpty else {
            return try db.execute(
                sql: "DELETE FROM peers WHERE torrent = ?", arguments: [id.rawValue])
        }
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO peers (torrent, endpoints)
                SELECT id, ? FROM torrents WHERE id = ?
                """,
            arguments: [bytes(of: peers.prefix(Limits.peersKept)), id.rawValue])
    }

    /// 18 bytes each, as BEP 7 has them; an IPv4 address is `::ffff:a.b.c.d`.
    private static func bytes(of peers: some Sequence<Endpoint>) -> Data {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        var data = Data()
        for peer in peers {
            if peer.isIPv4 { data.append(contentsOf: mapped) }
            data.append(contentsOf: peer.compactBytes)
        }
        return data
    }

    /// What `bytes` made; bytes left over are dropped.
    private static func endpoints(in data: Data) -> [Endpoint] {
        let bytes = Array(data)
        return stride(from: 0, to: bytes.count, by: 18).prefix(Limits.peersKept).compactMap {
            Endpoint(compactIPv6: bytes[$0...].prefix(18))
        }
    }
}
