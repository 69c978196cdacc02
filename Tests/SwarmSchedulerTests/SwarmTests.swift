import Bencode
import Hashing
import Metainfo
import SwarmScheduler
import Testing
import Units

/// Whole torrent machines against each other: the rules together, not one by one.
@Suite struct SwarmTests {
    static let pieceLength = 32 * 1024
    static let pieceCount = 40

    static func content(pieces: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pieces * pieceLength)
        while bytes.count < pieces * pieceLength - 7_000 {
            withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    static func metainfo(_ content: [UInt8], isPrivate: Bool = false) throws -> Metainfo {
        var hashes: [UInt8] = []
        for start in stride(from: 0, to: content.count, by: pieceLength) {
            let end = min(start + pieceLength, content.count)
            hashes += SHA1Digest.hash(Array(content[start..<end])).bytes
        }
        var entries: [[UInt8]: Bencode] = [
            Array("length".utf8): .integer(Int64(content.count)),
            Array("name".utf8): .string("content"),
            Array("piece length".utf8): .integer(Int64(pieceLength)),
            Array("pieces".utf8): .bytes(hashes),
        ]
        if isPrivate { entries[Array("private".utf8)] = .integer(1) }
        let info = Bencode.dictionary(entries)
        return try Metainfo(Bencode.dictionary([Array("info".utf8): info]).encoded())
    }

    /// One seed, 29 honest leechers and one that corrupts a third of what it sends.
    static func swarm(seed: UInt64) throws -> SwarmNetwork {
        let content = content(pieces: pieceCount, seed: 7)
        var network = SwarmNetwork(metainfo: try metainfo(content), content: content, seed: seed)
        let none = Bitfield(count: pieceCount)
        network.addClient(.init(have: Bitfield(allSet: pieceCount)))
        for index in 0..<29 {
            let rate = ByteRate(bytesPerSecond: 500_000 + Int64(index % 5) * 200_000)
            let delay = Interval.milliseconds(Int64(5 + index % 7 * 10))
            network.addClient(.init(have: none, uplink: rate, delay: delay))
        }
        network.addClient(.init(have: none, corruptsOneIn: 3))
        network.introduce(peersEach: 20)
        return network
    }

    static func run(_ network: inout SwarmNetwork) {
        network.run(limit: .minutes(20)) { network in
            network.clients.allSatisfy { $0.machine.isFinished }
        }
    }

    @Test func aSeedAndThirtyLeechersCompleteAndBanTheOneThatCorrupts() throws {
        var network = try Self.swarm(seed: 1)
        Self.run(&network)
        let liar = network.clients[30].endpoint
        for client in network.clients {
            #expect(client.machine.isFinished)
            #expect(client.disk == network.content)
        }
        let bannedByHonest = network.clients[..<30].flatMap(\.banned)
        #expect(!bannedByHonest.isEmpty)
        #expect(bannedByHonest.allSatisfy { $0.address == liar.address })
        // Nobody who took much from the liar fails to see it for what it is.
        #expect(Set(bannedByHonest.map(\.address)) == [liar.address])
    }

    @Test func theSameSeedGivesTheSameTraceAndAnotherSeedAnother() throws {
        var first = try Self.swarm(seed: 11)
        var second = try Self.swarm(seed: 11)
        var third = try Self.swarm(seed: 12)
        Self.run(&first)
        Self.run(&second)
        Self.run(&third)
        #expect(first.trace == second.trace)
        #expect(first.eventCount == second.eventCount)
        #expect(first.trace != third.trace)
    }

    @Test func theSeedGivesLittleMoreThanOneCopy() throws {
        let pieces = 160
        let content = Self.content(pieces: pieces, seed: 3)
        var network = SwarmNetwork(
            metainfo: try Self.metainfo(content), content: content, seed: 5)
        network.addClient(
            .init(
                have: Bitfield(allSet: pieces),
                uplink: ByteRate(bytesPerSecond: 1_000_000)))
        for _ in 0..<12 {
            network.addClient(
                .init(
                    have: Bitfield(count: pieces),
                    uplink: ByteRate(bytesPerSecond: 500_000)))
        }
        network.introduce(peersEach: 12)
        Self.run(&network)
        #expect(network.clients.allSatisfy { $0.machine.isFinished })
        let copies = Double(network.clients[0].bytesServed) / Double(content.count)
        #expect(copies < 3)
    }

    /// A seed that only the first knows, the first, and a second that knows only the first.
    private static func chain(_ isOn: (Int) -> Bool, isPrivate: Bool = false) throws
        -> SwarmNetwork
    {
        let content = content(pieces: pieceCount, seed: 7)
        var network = SwarmNetwork(
            metainfo: try metainfo(content, isPrivate: isPrivate), content: content, seed: 3)
        for index in 0..<3 {
            let usesPEX = isOn(index)
            let have = index == 0 ? Bitfield(allSet: pieceCount) : Bitfield(count: pieceCount)
            network.addClient(
                .init(have: have, uplink: ByteRate(bytesPerSecond: 30_000)) {
                    $0.usesPEX = usesPEX
                })
        }
        network.introduce(1, to: [0])
        network.introduce(2, to: [1])
        return network
    }

    @Test func aPeerThatKnowsOneLearnsOfAnotherByPeerExchange() throws {
        var network = try Self.chain { _ in true }
        network.run(limit: .seconds(8)) { $0.areConnected(0, 2) }
        #expect(network.areConnected(0, 1) && network.areConnected(1, 2))
        #expect(network.areConnected(0, 2))
        #expect(network.now < .zero + .seconds(7), "only after \(network.now)")
        #expect(network.clients[2].machine.counters.pexPeersTaken == 1)
    }

    @Test func nobodyLearnsOfAnotherIfTheOneBetweenIsSilentOrTheTorrentPrivate() throws {
        for (isPrivate, silent) in [(false, 1), (true, 9)] {
            var network = try Self.chain({ $0 != silent }, isPrivate: isPrivate)
            network.run(limit: .seconds(12)) { _ in false }
            #expect(network.areConnected(0, 1) && network.areConnected(1, 2))
            #expect(!network.areConnected(0, 2))
            #expect(network.clients.allSatisfy { $0.machine.knownPeerCount <= 2 })
        }
    }
}
