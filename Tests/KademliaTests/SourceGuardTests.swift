import Kademlia
import Testing
import Units

@Suite struct SourceGuardTests {
    private let start = Instant.zero + .minutes(1)

    private func source(_ number: Int, port: UInt16 = 6881) -> Endpoint {
        Endpoint(ipv4: 0x0800_0000 + UInt32(number), port: port)
    }

    @Test(
        "K10 one address that asks 1,000 times a second is not heard, and 20 others notice nothing"
    )
    func k10Flood() throws {
        var guardian = SourceGuard(.init(replyRateMax: ByteRate(bytesPerSecond: 100_000)))
        var floodAnswers = 0
        for millisecond in 0..<20_000 {
            let now = start + .milliseconds(Int64(millisecond))
            let flooder = source(1, port: UInt16(truncatingIfNeeded: millisecond) | 1)
            if let size = guardian.admit(100, from: flooder, now: now), size >= 290 {
                floodAnswers += 1
                guardian.answered(290, to: flooder, query: 100, now: now)
            }
            // Each of the others asks twice a second.
            if millisecond % 25 == 0 {
                let other = source(100 + millisecond / 25 % 20)
                let size = guardian.admit(100, from: other, now: now)
                #expect(size ?? 0 >= 300, "at \(now)")
                guardian.answered(290, to: other, query: 100, now: now)
            }
        }
        #expect(floodAnswers < 300)
        #expect(guardian.counters.blocks == 1)
        #expect(guardian.counters.blocked > 18_000)
        // It is heard again after five minutes, and then may ask as any.
        let later = start + .seconds(20) + .minutes(5)
        let heard = guardian.admit(100, from: source(1), now: later)
        #expect(heard != nil)
    }

    @Test func whoAsksOftenButIsNoFloodIsNeverBlocked() throws {
        var guardian = SourceGuard()
        var refused = 0
        // A client with a thousand torrents in a DHT of two nodes: 250 at once, then 25 a second.
        for number in 0..<1000 {
            let now = start + .milliseconds(number < 250 ? 0 : Int64(number - 250) * 40 + 40)
            if guardian.admit(100, from: source(1), now: now) == nil { refused += 1 }
        }
        #expect(refused == 0)
        #expect(guardian.counters.blocks == 0)
    }

    @Test func neighboursOnOneMachineAreEachTheirOwnSource() throws {
        var guardian = SourceGuard()
        for port in 1...500 as ClosedRange<UInt16> {
            let size = guardian.admit(
                100, from: Endpoint(ipv4: 0x7F00_0001, port: port), now: start)
            #expect(size != nil)
        }
        var admitted = 0
        for number in 0..<500 {
            let inOneNetwork = Endpoint(
                ipv6High: 0x2001_0DB8_0000_0001, low: UInt64(number), port: 6881)
            if guardian.admit(100, from: inOneNetwork, now: start) != nil { admitted += 1 }
        }
        #expect(admitted == 250)
    }

    @Test(
        "K9 an unproven address gets at most 3 times its bytes and 2,048 over any 10 seconds",
        arguments: [1, 2, 3, 4, 5] as [UInt64])
    func k9Amplification(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var guardian = SourceGuard(.init(replyRateMax: nil))
        var log: [(now: Instant, received: Int, sent: Int)] = []
        var now = start
        for _ in 0..<3000 {
            now = now + .milliseconds(Int64.random(in: 0...100, using: &generator))
            let endpoint = source(1, port: UInt16.random(in: 1...9, using: &generator))
            if UInt8.random(in: 0...3, using: &generator) == 0 {
                let size = Int.random(in: 60...120, using: &generator)
                if guardian.allowsQuery(size, to: endpoint, now: now) { log.append((now, 0, size)) }
                continue
            }
            let received = Int.random(in: 50...150, using: &generator)
            guard let room = guardian.admit(received, from: endpoint, now: now) else {
                log.append((now, received, 0))
                continue
            }
            let sent = min(room, Int.random(in: 60...1400, using: &generator))
            guardian.answered(sent, to: endpoint, query: received, now: now)
            log.append((now, received, sent))
        }
        for (first, entry) in log.enumerated() {
            var (received, sent) = (0, 0)
            for other in log[first...] {
                guard other.now - entry.now < .seconds(10) else { break }
                received += other.received
                sent += other.sent
            }
            #expect(sent <= 3 * received + 2048, "seed \(seed), at \(entry.now)")
        }
    }

    @Test("K9 who has proven that it hears us gets whole answers")
    func k9Proof() throws {
        var guardian = SourceGuard()
        let endpoint = source(1)
        var first: Int?
        for _ in 0..<20 {
            let size = guardian.admit(100, from: endpoint, now: start) ?? 0
            if first == nil { first = size }
            guardian.answered(min(size, 1024), to: endpoint, query: 100, now: start)
        }
        // The first answer may hold peers, later ones nodes.
        #expect(first ?? 0 >= 1024)
        let next = guardian.admit(100, from: endpoint, now: start) ?? 0
        #expect((300..<450).contains(next))
        guardian.proved(endpoint, now: start)
        #expect(guardian.isProven(endpoint.with(port: 9), now: start))
        let whole = guardian.admit(100, from: endpoint, now: start)
        #expect(whole == 1400)
        let isAllowed = guardian.allowsQuery(1000, to: endpoint, now: start)
        #expect(isAllowed)
        let later = start + .minutes(15)
        #expect(!guardian.isProven(endpoint, now: later))
        let forgotten = guardian.admit(100, from: endpoint, now: later) ?? 0
        #expect((300..<1400).contains(forgotten))
    }

    @Test("K9 all answers stay below the rate, within 5 %, and half of it is the proven ones'")
    func k9Rate() throws {
        var guardian = SourceGuard(.init(replyRateMax: ByteRate(bytesPerSecond: 20_000)))
        var (all, toProven) = (0, 0)
        for number in 0..<10 { guardian.proved(source(number), now: start) }
        for millisecond in 0..<60_000 {
            let now = start + .milliseconds(Int64(millisecond))
            // Forged addresses, each its own.
            let forged = source(100 + millisecond)
            if let size = guardian.admit(100, from: forged, now: now), size >= 290 {
                guardian.answered(290, to: forged, query: 100, now: now)
                all += 290
            }
            if millisecond % 100 == 0 {
                let proven = source(millisecond / 100 % 10)
                let size = guardian.admit(100, from: proven, now: now) ?? 0
                #expect(size >= 290)
                guardian.answered(290, to: proven, query: 100, now: now)
                all += 290
                toProven += 290
            }
        }
        // A minute of the rate, and what the bucket held at first.
        #expect(all <= 60 * 20_000 * 105 / 100)
        #expect(all >= 60 * 20_000 * 90 / 100)
        #expect(toProven == 600 * 290)
        #expect(guardian.counters.overRate > 0)
    }

    @Test func whoIsFloodedByForgeriesStillGetsOurQueriesAnswered() throws {
        // Nothing that concerns answers to our queries is asked of it: a proof stays a proof.
        var guardian = SourceGuard()
        let victim = source(1)
        for millisecond in 0..<5000 {
            _ = guardian.admit(100, from: victim, now: start + .milliseconds(Int64(millisecond)))
        }
        #expect(guardian.counters.blocks == 1)
        let now = start + .seconds(5)
        guardian.proved(victim, now: now)
        let isAllowed = guardian.allowsQuery(1000, to: victim, now: now)
        #expect(isAllowed)
    }

    @Test func offItLimitsNothing() throws {
        var guardian = SourceGuard(.init(isOff: true, replyRateMax: .zero))
        for _ in 0..<2000 {
            let size = guardian.admit(10, from: source(1), now: start)
            #expect(size == 1400)
            guardian.answered(1400, to: source(1), query: 10, now: start)
            let isAllowed = guardian.allowsQuery(1400, to: source(1), now: start)
            #expect(isAllowed)
        }
        #expect(guardian.counters == SourceGuard.Counters())
    }
}
