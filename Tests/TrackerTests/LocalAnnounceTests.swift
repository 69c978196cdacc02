import Hashing
import Testing
import Units

@testable import Tracker

@Suite struct LocalAnnounceTests {
    static func infoHash(_ number: Int) -> SHA1Digest { .hash(Array("\(number)".utf8)) }

    private func parse(_ text: String) throws -> LocalAnnounce {
        try LocalAnnounce(parsing: Array(text.utf8))
    }

    private let hash = "0123456789abcdef0123456789ABCDEF01234567"

    // MARK: The datagram

    @Test func writesWhatBEP14Says() throws {
        let infoHash = try #require(SHA1Digest(hex: hash))
        let announce = LocalAnnounce(infoHashes: [infoHash], port: 6881, cookie: Array("a1".utf8))
        let tail = "Port: 6881\r\nInfohash: \(hash.lowercased())\r\ncookie: a1\r\n\r\n\r\n"
        #expect(
            String(decoding: announce.encoded(for: .ipv4), as: UTF8.self)
                == "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n" + tail)
        #expect(
            String(decoding: announce.encoded(for: .ipv6), as: UTF8.self)
                == "BT-SEARCH * HTTP/1.1\r\nHost: [ff15::efc0:988f]:6771\r\n" + tail)
        #expect(try LocalAnnounce(parsing: announce.encoded(for: .ipv6)) == announce)
    }

    @Test func readsSeveralInfoHashesInAnyOrderOfHeaders() throws {
        let other = String(repeating: "f", count: 40)
        let read = try parse(
            "BT-SEARCH * HTTP/1.1\nINFOHASH:\(hash)\nX-New: 7\ninfohash:\t\(other) \nPORT: 1\n\n")
        #expect(read.infoHashes == [hash, other].compactMap { SHA1Digest(hex: $0) })
        #expect(read.port == 1)
        #expect(read.cookie.isEmpty)
    }

    @Test func keepsTo1400BytesHoweverManyTorrentsThereAre() throws {
        for group in LocalAnnounce.Group.allCases {
            let announce = LocalAnnounce(
                infoHashes: (0..<60).map(Self.infoHash), port: 65_535,
                cookie: Array(repeating: 0x61, count: 32))
            let bytes = announce.encoded(for: group)
            #expect(bytes.count <= 1_400)
            let read = try LocalAnnounce(parsing: bytes)
            #expect(read.infoHashes == Array(announce.infoHashes.prefix(24)))
        }
    }

    @Test func aCookieCannotAddAHeader() throws {
        let announce = LocalAnnounce(
            infoHashes: [Self.infoHash(1)], port: 1, cookie: Array("a\r\nPort: 2\r\nb".utf8))
        let text = String(decoding: announce.encoded(for: .ipv4), as: UTF8.self)
        #expect(text.contains("cookie: aPort:2b\r\n\r\n\r\n"))
    }

    @Test func aDatagramThatIsNoAnnounceIsRefused() throws {
        let rest = "Port: 1\r\nInfohash: \(hash)\r\n\r\n"
        for line in [
            "", "\r\n", "GET * HTTP/1.1\r\n", "BT-SEARCH\r\n", "BT-SEARCH / HTTP/1.1\r\n",
            "BT-SEARCH * HTTP/1.1", "BT-SEARCH * HTTP/2\r\n", "M-SEARCH * HTTP/1.1\r\n",
        ] {
            #expect(throws: LocalAnnounceError.notAnAnnounce) {
                try parse(line + (line.hasSuffix("1.1") ? "" : rest))
            }
        }
        let long = "BT-SEARCH * HTTP/1.1\r\n" + rest
        let padded = long + String(repeating: "x", count: 2_049 - long.utf8.count)
        #expect(throws: LocalAnnounceError.tooLong(byteCount: 2_049)) { try parse(padded) }
        #expect(try parse(String(padded.dropLast())).port == 1)
    }

    @Test(arguments: ["", "0", "65536", "99999", "100000", "-1", "+1", "6881x", "0x1", "6 8", "६"])
    func aPortThatIsNoneIsRefused(_ port: String) {
        #expect(throws: LocalAnnounceError.noPort) {
            try parse("BT-SEARCH * HTTP/1.1\r\nPort: \(port)\r\nInfohash: \(hash)\r\n\r\n")
        }
    }

    @Test func infoHashesThatAreNoneAreLeftOut() throws {
        let head = "BT-SEARCH * HTTP/1.1\r\nPort: 6881\r\n"
        let zero = String(repeating: "0", count: 40)
        for bad in ["", "0123", hash + "0", String(hash.dropLast()) + "g", zero, "ü" + hash] {
            #expect(throws: LocalAnnounceError.noInfoHash) {
                try parse(head + "Infohash: \(bad)\r\n\r\n")
            }
            let read = try parse(head + "Infohash: \(bad)\r\nInfohash: \(hash)\r\n\r\n")
            #expect(read.infoHashes.count == 1)
        }
        // Cut off in the middle of a line, or after the empty one.
        #expect(throws: LocalAnnounceError.noInfoHash) { try parse(head + "Infohash: \(hash)") }
        #expect(throws: LocalAnnounceError.noInfoHash) {
            try parse(head + "\r\nInfohash: \(hash)\r\n")
        }
        let twice = try parse(head + "Infohash: \(hash)\r\nInfohash: \(hash)\r\n\r\n")
        #expect(twice.infoHashes.count == 1)
    }
}

@Suite struct LocalAnnounceMachineTests {
    private typealias Action = LocalAnnounceMachine.Action

    private static let neighbour = Endpoint(ipv4: 0x0A4D_0009, port: 6771)

    private struct Bench {
        var machine = LocalAnnounceMachine(seed: 1)
        var now = Instant.zero + .seconds(10)
        private var actions = ActionBuffer<Action>()

        mutating func add(_ numbers: Range<Int>, port: UInt16 = 6881) {
            for number in numbers {
                machine.add(LocalAnnounceTests.infoHash(number), port: port, now: now)
            }
        }

        mutating func tick(after delay: Interval = .zero) -> [LocalAnnounce] {
            now = now + delay
            machine.tick(now: now, into: &actions)
            return actions.take().compactMap {
                if case .announce(let announce) = $0 { announce } else { nil }
            }
        }

        mutating func receive(_ announce: LocalAnnounce, from sender: Endpoint) -> [Action] {
            receive(announce.encoded(for: .ipv4), from: sender)
        }

        mutating func receive(_ bytes: [UInt8], from sender: Endpoint) -> [Action] {
            machine.receive(bytes, from: sender, now: now, into: &actions)
            return actions.take()
        }
    }

    @Test func announcesATorrentSoonAndThenEveryFiveMinutes() {
        var bench = Bench()
        #expect(bench.machine.nextDeadline() == nil)
        bench.add(0..<1)
        check(bench.tick() == [])
        var times: [Instant] = []
        let start = bench.now
        while bench.now < start + .minutes(31), let next = bench.machine.nextDeadline() {
            let announces = bench.tick(after: next - bench.now)
            #expect(announces.map(\.infoHashes) == [[LocalAnnounceTests.infoHash(0)]])
            #expect(announces.first?.port == 6881)
            times.append(bench.now)
        }
        #expect(times.first == start + .milliseconds(500))
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == .minutes(5) })
        #expect(times.count == 8)
    }

    @Test func sendsOneDatagramAMinuteWithManyTorrentsInIt() {
        var bench = Bench()
        bench.add(0..<60)
        var heard: [[SHA1Digest]] = []
        for _ in 0..<180 {
            let announces = bench.tick(after: .seconds(1))
            #expect(announces.count <= 1)
            heard += announces.map(\.infoHashes)
        }
        #expect(heard.map(\.count) == [24, 24, 12])
        #expect(Set(heard.joined()).count == 60)
    }

    @Test func whatComesWhileADatagramWaitsForOthersGoesAlong() {
        var bench = Bench()
        let start = bench.now
        bench.add(0..<1)
        bench.now = bench.now + Interval(nanoseconds: 1)
        bench.add(1..<2)
        bench.now = bench.now + Interval(nanoseconds: 499_999_999)
        bench.add(2..<3)
        let all = (0..<3).map(LocalAnnounceTests.infoHash)
        #expect(bench.machine.nextDeadline() == start + .milliseconds(500))
        #expect(bench.tick().map(\.infoHashes) == [all])
        check(bench.tick(after: .minutes(4)) == [])
    }

    @Test func veryManyTorrentsAreAllAnnouncedInTheirTurn() {
        var bench = Bench()
        bench.add(0..<1_000)
        var heard: Set<SHA1Digest> = []
        var datagrams = 0
        for _ in 0..<42 {
            for announce in bench.tick(after: .minutes(1)) {
                datagrams += 1
                heard.formUnion(announce.infoHashes)
            }
        }
        #expect(datagrams == 42)
        #expect(heard.count == 1_000)
    }

    @Test func eachTorrentStandsFirstInItsTurn() {
        var bench = Bench()
        bench.add(0..<3)
        let first = (0..<3).compactMap { _ in bench.tick(after: .minutes(5)).first?.infoHashes[0] }
        #expect(Set(first).count == 3)
    }

    @Test func aTorrentThatIsWithdrawnIsNotAnnouncedAnyMore() {
        var bench = Bench()
        bench.add(0..<2)
        bench.machine.remove(LocalAnnounceTests.infoHash(0))
        #expect(
            bench.tick(after: .seconds(1)).first?.infoHashes == [LocalAnnounceTests.infoHash(1)])
        bench.machine.remove(LocalAnnounceTests.infoHash(1))
        #expect(bench.machine.nextDeadline() == nil)
        check(bench.tick(after: .minutes(10)) == [])
    }

    @Test func aNetworkThatAppearsHearsOfEverythingWithinAMinute() {
        var bench = Bench()
        bench.add(0..<3)
        check(bench.tick(after: .seconds(1)).count == 1)
        bench.machine.networkAppeared(now: bench.now)
        check(bench.tick(after: .seconds(59)) == [])
        check(bench.tick(after: .seconds(1)).first?.infoHashes.count == 3)
    }

    @Test func torrentsWithDifferentPortsGoInDifferentDatagrams() {
        var bench = Bench()
        bench.add(0..<2, port: 1_111)
        bench.add(2..<4, port: 2_222)
        let ports = (0..<2).flatMap { _ in bench.tick(after: .minutes(1)).map(\.port) }
        #expect(ports == [1_111, 2_222])
        bench.add(4..<5, port: 0)
        #expect(bench.machine.infoHashes.count == 4)
    }

    @Test func tellsOfNeighboursWithTorrentsThatWeHave() {
        var bench = Bench()
        bench.add(0..<2)
        let known = LocalAnnounceTests.infoHash(1)
        let found = bench.receive(
            LocalAnnounce(infoHashes: [LocalAnnounceTests.infoHash(9), known], port: 4_000),
            from: Self.neighbour)
        #expect(found == [.found(known, Self.neighbour.with(port: 4_000))])
    }

    @Test func ignoresItsOwnAnnouncesAndNotThoseOfAnotherOnTheSameHost() {
        var bench = Bench()
        bench.add(0..<1)
        let own = bench.tick(after: .seconds(1))[0]
        #expect(bench.receive(own, from: Self.neighbour) == [])
        #expect(bench.machine.counters.own == 1)
        var other = Bench()
        other.machine = LocalAnnounceMachine(seed: 2)
        other.add(0..<1)
        let others = other.tick(after: .seconds(1))[0]
        #expect(bench.receive(others, from: Self.neighbour).count == 1)
    }

    @Test("X3 peers are believed of local addresses and of our own networks only")
    func x3Senders() throws {
        var bench = Bench()
        bench.add(0..<1)
        bench.machine.networks = [
            .init(address: try #require(Endpoint("203.0.113.5:1")), prefixLength: 24),
            .init(address: try #require(Endpoint("[2001:db8:1:2::5]:1")), prefixLength: 64),
        ]
        let announce = LocalAnnounce(infoHashes: [LocalAnnounceTests.infoHash(0)], port: 4_000)
        let near = [
            "192.168.1.1:6771", "10.1.1.1:6771", "169.254.1.1:6771", "[fd00::1]:6771",
            "203.0.113.254:6771", "[2001:db8:1:2::9]:6771",
        ]
        let far = ["203.0.114.1:6771", "8.8.8.8:6771", "[2001:db8:1:3::9]:6771", "[fe80::1]:1"]
        for text in near {
            let sender = try #require(Endpoint(text))
            #expect(bench.receive(announce, from: sender).count == 1, "\(text)")
        }
        for text in far {
            let sender = try #require(Endpoint(text))
            #expect(bench.receive(announce, from: sender) == [], "\(text)")
        }
        #expect(bench.machine.counters.notLocal == 4)
    }

    @Test func prefixesOfEveryLengthAreCompared() throws {
        let address = try #require(Endpoint("[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:1"))
        for length in 0...128 {
            let network = LocalAnnounceMachine.Network(address: address, prefixLength: length)
            #expect(network.contains(address.with(port: 9)))
            for bit in 0..<128 {
                let other = Endpoint(
                    ipv6High: address.high ^ (bit < 64 ? 1 << UInt64(63 - bit) : 0),
                    low: address.low ^ (bit < 64 ? 0 : 1 << UInt64(127 - bit)), port: 1)
                #expect(network.contains(other) == (bit >= length))
            }
        }
        let ipv4 = LocalAnnounceMachine.Network(
            address: Endpoint(ipv4: 0xC0A8_0101, port: 1), prefixLength: 99)
        #expect(ipv4.prefixLength == 32)
        #expect(!ipv4.contains(Endpoint(ipv4: 0xC0A8_0100, port: 1)))
        #expect(!ipv4.contains(address))
    }

    @Test func aNeighbourThatFloodsIsNotHeardAndOthersAre() {
        var bench = Bench()
        bench.add(0..<1)
        let announce = LocalAnnounce(infoHashes: [LocalAnnounceTests.infoHash(0)], port: 4_000)
        let heard = (0..<1_000).count { _ in
            !bench.receive(announce, from: Self.neighbour).isEmpty
        }
        #expect(heard == 100)
        #expect(bench.machine.counters.tooMany == 900)
        #expect(bench.receive(announce, from: Endpoint(ipv4: 0x0A4D_000A, port: 1)).count == 1)
        bench.now = bench.now + .milliseconds(100)
        #expect(bench.receive(announce, from: Self.neighbour).count == 1)
        // More neighbours than are counted: the rest is not heard until there is room again.
        for number in 0..<3_000 as Range<UInt32> {
            _ = bench.receive(announce, from: Endpoint(ipv4: 0x0A00_0000 + number, port: 1))
        }
        #expect(bench.receive(announce, from: Endpoint(ipv4: 0x0AFF_0000, port: 1)) == [])
        bench.now = bench.now + .seconds(11)
        #expect(bench.receive(announce, from: Endpoint(ipv4: 0x0AFF_0000, port: 1)).count == 1)
    }

    @Test func whatIsNoAnnounceIsCounted() {
        var bench = Bench()
        bench.add(0..<1)
        #expect(bench.receive([], from: Self.neighbour) == [])
        #expect(bench.receive(Array("M-SEARCH".utf8), from: Self.neighbour) == [])
        #expect(bench.machine.counters.malformed == 2)
    }
}
