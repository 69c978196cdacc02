import Testing
import Units

@testable import SwarmScheduler

@Suite struct RequestPipelineTests {
    /// A peer that serves `rate` blocks a second after `delay`, one after the other.
    private func depthReached(rate: Double, delay: Interval, seconds: Int64) -> Int {
        var pipeline = RequestPipeline()
        pipeline.peerQueues(2000)
        var now = Instant.zero
        let end = now + .seconds(seconds)
        let service = Interval(nanoseconds: Int64(1e9 / rate))
        var queue: [(BlockIndex, Instant)] = []
        var lineFreeAt = now
        var next: UInt32 = 0
        while now < end {
            while pipeline.room > 0 {
                let block = BlockIndex(next)
                next += 1
                pipeline.sent(block, of: PieceIndex(0), now: now)
                lineFreeAt = max(lineFreeAt, now + delay / 2) + service
                queue.append((block, lineFreeAt + delay / 2))
            }
            let (block, arrival) = queue.removeFirst()
            now = arrival
            check(pipeline.received(block, of: PieceIndex(0), now: now) != nil)
        }
        return pipeline.outstanding.count
    }

    @Test func keepsRateTimesRoundTripOutstanding() {
        // 1,000 blocks a second over 100 ms: 100 are needed, and 300 ms of queue are allowed.
        let depth = depthReached(rate: 1000, delay: .milliseconds(100), seconds: 20)
        #expect((100...520).contains(depth))
    }

    @Test func keepsFewOutstandingAtASlowPeer() {
        // 5 blocks a second over 50 ms: more than two or three only wait there.
        let depth = depthReached(rate: 5, delay: .milliseconds(50), seconds: 60)
        #expect((1...6).contains(depth))
    }

    @Test func asksMoreOfAPeerThatAnswersInPulses() {
        // Like Transmission: at once at first, then everything it was asked for each half second.
        var pipeline = RequestPipeline()
        pipeline.peerQueues(2000)
        var now = Instant.zero
        var next: UInt32 = 0
        var asked: [BlockIndex] = []
        while now < .zero + .seconds(40) {
            while pipeline.room > 0 {
                pipeline.sent(BlockIndex(next), of: PieceIndex(0), now: now)
                asked.append(BlockIndex(next))
                next += 1
            }
            now = now + (now < .zero + .seconds(1) ? .milliseconds(1) : .milliseconds(500))
            for block in asked {
                check(pipeline.received(block, of: PieceIndex(0), now: now) != nil)
            }
            asked.removeAll()
        }
        #expect(pipeline.depth > 200)
    }

    @Test func fillsAFastLocalPeerUpToTheLimit() {
        let depth = depthReached(rate: 50_000, delay: .microseconds(300), seconds: 1)
        #expect(depth >= Limits.requestsInFlightMax - 8)
    }

    @Test func neverOwesMoreThanThePeerQueues() {
        var pipeline = RequestPipeline()
        pipeline.peerQueues(3)
        for block in 0..<3 { pipeline.sent(BlockIndex(block), of: PieceIndex(0), now: .zero) }
        #expect(pipeline.room == 0)
    }

    @Test("W13 a peer that takes requests and sends nothing is snubbed after 30 s")
    func w13SnubsASilentPeer() {
        var pipeline = RequestPipeline()
        pipeline.sent(BlockIndex(0), of: PieceIndex(0), now: .zero)
        #expect(pipeline.snubDeadline == Instant.zero + Limits.snubAfter)
        check(!pipeline.snubIfStalled(now: .zero + .seconds(29)))
        check(pipeline.snubIfStalled(now: .zero + .seconds(30)))
        #expect(pipeline.isSnubbed)
        check(!pipeline.snubIfStalled(now: .zero + .seconds(31)))
        check(pipeline.received(BlockIndex(0), of: PieceIndex(0), now: .zero + .seconds(32)) != nil)
        #expect(!pipeline.isSnubbed)
    }

    @Test func whatWasNotAskedForIsNotReceived() {
        var pipeline = RequestPipeline()
        check(pipeline.received(BlockIndex(0), of: PieceIndex(0), now: .zero) == nil)
        pipeline.sent(BlockIndex(0), of: PieceIndex(0), now: .zero)
        check(pipeline.received(BlockIndex(0), of: PieceIndex(0), now: .zero) != nil)
        check(pipeline.received(BlockIndex(0), of: PieceIndex(0), now: .zero) == nil)
    }

    @Test("W22 times at the end of the clock's range do not overflow")
    func w22SaturatesAtTheEndOfTime() {
        var pipeline = RequestPipeline()
        let late = Instant(nanoseconds: .max - 5)
        pipeline.sent(BlockIndex(0), of: PieceIndex(0), now: late)
        #expect(pipeline.snubDeadline == .distantFuture)
        check(pipeline.received(BlockIndex(0), of: PieceIndex(0), now: .distantFuture) != nil)
    }
}
