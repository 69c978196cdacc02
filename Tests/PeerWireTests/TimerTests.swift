import PeerWire
import Testing
import Units

@Suite struct TimerTests {
    @Test func silenceOfOursMakesAKeepAlive() {
        var wire = Wire.open()
        #expect(wire.session.nextDeadline()?.0 == Instant.zero + .seconds(100))
        #expect(wire.session.nextDeadline()?.1 == .keepAlive)
        #expect(wire.tick(after: .seconds(99)) == [])
        wire.session.sent(now: wire.now)
        #expect(wire.tick(after: .seconds(1)) == [])
        _ = wire.receive(.unchoke)
        #expect(wire.tick(after: .seconds(98)) == [])
        #expect(wire.tick(after: .seconds(1)) == [.send(.keepAlive)])
        // It counts as sent.
        #expect(wire.tick(after: .seconds(1)) == [])
        #expect(wire.session.nextDeadline()?.0 == Instant.zero + .seconds(250))
        #expect(wire.session.nextDeadline()?.1 == .idle)
    }

    @Test func silenceOfTheirsCloses() {
        var wire = Wire.open()
        wire.session.sent(now: wire.now + .seconds(100))
        #expect(wire.session.nextDeadline()?.0 == Instant.zero + .seconds(150))
        #expect(wire.session.nextDeadline()?.1 == .idle)
        #expect(wire.tick(after: .milliseconds(149_999)) == [])
        #expect(wire.tick(after: .milliseconds(1)) == [.close(.idle)])
        #expect(wire.session.isClosed)
        #expect(wire.session.nextDeadline() == nil)
        #expect(wire.tick(after: .seconds(1000)) == [])
    }

    @Test func aKeepAliveKeepsTheConnection() {
        var wire = Wire.open()
        for _ in 0..<20 {
            wire.session.sent(now: wire.now)
            _ = wire.tick(after: .seconds(120))
            #expect(wire.receive(.keepAlive) == [])
        }
        #expect(wire.session.isOpen)
    }

    @Test func silenceIsNotThePeersWhileWeDoNotRead() {
        var wire = Wire.open()
        wire.session.sent(now: wire.now + .seconds(100))
        #expect(wire.session.nextDeadline()?.1 == .idle)
        wire.session.setReading(false, now: wire.now)
        #expect(wire.session.nextDeadline()?.1 == .keepAlive)
        #expect(wire.session.nextDeadline()?.0 == Instant.zero + .seconds(200))
        #expect(wire.tick(after: .seconds(1000)) == [.send(.keepAlive)])
        wire.session.setReading(true, now: wire.now)
        #expect(wire.tick(after: .seconds(149)) == [.send(.keepAlive)])
        #expect(wire.tick(after: .seconds(1)) == [.close(.idle)])
    }

    @Test func timeoutsCanBeSet() {
        var configuration = PeerSession.Configuration.accepting
        configuration.timeouts.handshake = .seconds(2)
        let session = PeerSession(configuration, now: Instant.zero + .seconds(5))
        #expect(session.nextDeadline()?.0 == Instant.zero + .seconds(7))
    }

    @Test(
        "W22 no clock makes the deadlines overflow",
        arguments: [
            Instant.distantFuture, Instant.distantPast, Instant(nanoseconds: .max - 5),
            Instant(nanoseconds: .min + 5), Instant.zero,
        ])
    func w22Overflow(_ start: Instant) {
        for other in [Instant.distantPast, .zero, .distantFuture, start] {
            var wire = Wire.open(now: start)
            wire.now = other
            _ = wire.receive(everyMessage[1], everyMessage[2], .port(5), .unchoke, .choke)
            _ = wire.receive(.suggest(piece(1)))
            wire.session.sent(now: other)
            wire.session.setReading(false, now: other)
            wire.session.setReading(true, now: other)
            _ = wire.session.nextDeadline()
            _ = wire.tick(after: Interval(nanoseconds: .max))
            _ = wire.tick(after: Interval(nanoseconds: .min))
            #expect(wire.session.isClosed == (wire.session.nextDeadline() == nil))
        }
    }
}
