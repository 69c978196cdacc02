import Hashing
import Testing
import Units

@testable import Storage

@Suite struct SessionPeersTests {
    private let scratch: Scratch
    private let store: SessionStore

    init() throws {
        scratch = try Scratch()
        store = try SessionStore(path: scratch.path + "/session.db")
    }

    private func torrent(_ byte: UInt8) throws -> TorrentRecord.ID {
        let digest = try #require(SHA1Digest(bytes: Array(repeating: byte, count: 20)))
        return try store.add(InfoHash(v1: digest), name: "a", folder: "/x", now: 1).id
    }

    private func peer(_ number: Int) -> Endpoint {
        Endpoint(ipv4: 0x0102_0304, port: UInt16(1_024 + number))
    }

    @Test func whatIsKeptComesBackInItsOrder() throws {
        let (one, other) = (try torrent(1), try torrent(2))
        let ipv6 = Endpoint(ipv6High: 0x2001_0DB8_0000_0001, low: 9, port: 50_000)
        try store.set(peers: [one: [peer(2), ipv6, peer(1)], other: [peer(3)]])
        #expect(try store.peers(of: one) == [peer(2), ipv6, peer(1)])
        #expect(try store.peers(of: other) == [peer(3)])
        try store.set(peers: [one: []])
        #expect(try store.peers(of: one) == [])
        #expect(try store.peers(of: other) == [peer(3)])
    }

    @Test func whoIsNamedStandsFirstAndTheLastAreForgotten() throws {
        let id = try torrent(1)
        try store.set(peers: [id: (0..<80).map(peer)])
        #expect(try store.peers(of: id) == (0..<SessionStore.peersKeptMax).map(peer))
        try store.add(peers: [peer(200), peer(7)], of: id)
        let kept = try store.peers(of: id)
        #expect(kept.prefix(4) == [peer(200), peer(7), peer(0), peer(1)])
        #expect(kept.count == SessionStore.peersKeptMax && Set(kept).count == kept.count)
    }

    @Test func aTorrentThatIsGoneTakesItsPeersWithIt() throws {
        let (one, other) = (try torrent(1), try torrent(2))
        try store.set(peers: [one: [peer(1)]])
        try store.remove(one)
        try store.set(peers: [one: [peer(1)], other: [peer(2)]])
        #expect(try store.peers(of: one) == [])
        #expect(try store.peers(of: other) == [peer(2)])
    }
}
