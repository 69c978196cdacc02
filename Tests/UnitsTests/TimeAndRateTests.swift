import Testing
import Units

@Suite struct TimeAndRateTests {
    @Test func momentsSaturateInsteadOfWrapping() {
        let second = Interval.seconds(1)
        #expect(Instant.distantFuture + second == .distantFuture)
        #expect(Instant.distantPast - second == .distantPast)
        #expect(Instant.distantPast + Interval(nanoseconds: .min) == .distantPast)
        #expect(Instant.distantFuture - Instant.distantPast == Interval(nanoseconds: .max))
        #expect(Instant.distantPast - Instant.distantFuture == Interval(nanoseconds: .min))
        #expect(Instant.zero + second == Instant(nanoseconds: 1_000_000_000))
        #expect(Instant.zero - second < Instant.zero)
    }

    @Test func lengthsSaturateInsteadOfWrapping() {
        #expect(Interval.seconds(.max) == Interval(nanoseconds: .max))
        #expect(Interval.seconds(.min) == Interval(nanoseconds: .min))
        #expect(Interval.minutes(.max) == Interval(nanoseconds: .max))
        #expect(Interval.minutes(2) == .seconds(120))
        #expect(Interval.milliseconds(3) == .microseconds(3000))
        #expect(Interval.seconds(2) * 3 == .seconds(6))
        #expect(Interval.seconds(2) * Int64.max == Interval(nanoseconds: .max))
        #expect(Interval.seconds(-2) * Int64.max == Interval(nanoseconds: .min))
        #expect(Interval.seconds(7) / 2 == .milliseconds(3500))
        #expect(Interval(nanoseconds: .min) - .seconds(1) == Interval(nanoseconds: .min))
    }

    @Test func printsSecondsWithTheirSign() {
        #expect("\(Interval.milliseconds(1250))" == "1.250 s")
        #expect("\(Interval.milliseconds(-250))" == "-0.250 s")
        #expect("\(Interval.milliseconds(-1005))" == "-1.005 s")
        #expect("\(Interval(nanoseconds: -1))" == "0.000 s")
        #expect("\(Interval(nanoseconds: .min))" == "-9223372036.854 s")
        #expect("\(Instant(nanoseconds: .max))" == "9223372036.854 s")
    }

    @Test func sumsAndProductsSaturateForAnyInteger() {
        #expect(UInt8(200).addingSaturating(100) == 255)
        #expect(UInt8(3).subtractingSaturating(4) == 0)
        #expect(UInt8(16).multipliedSaturating(by: 16) == 255)
        #expect(Int8(-100).addingSaturating(-100) == -128)
        #expect(Int8(-100).subtractingSaturating(100) == -128)
        #expect(Int8(100).subtractingSaturating(-100) == 127)
        #expect(Int8(-100).multipliedSaturating(by: 2) == -128)
        #expect(Int8(-100).multipliedSaturating(by: -2) == 127)
        #expect(Int8(-128).multipliedSaturating(by: -1) == 127)
        #expect(Int8(5).addingSaturating(6) == 11)
    }

    @Test func aRateIsNeverNegative() {
        #expect(ByteRate(bytesPerSecond: -5) == .zero)
        #expect(ByteRate(bytesPerSecond: .min).bytes(in: .seconds(1)) == 0)
    }

    @Test func bytesThatPassAreExact() {
        let rate = ByteRate(bytesPerSecond: 1_000_003)
        #expect(rate.bytes(in: .seconds(1)) == 1_000_003)
        #expect(rate.bytes(in: .milliseconds(1)) == 1000)
        #expect(rate.bytes(in: .zero) == 0)
        #expect(rate.bytes(in: .seconds(-1)) == 0)
        let fast = ByteRate(bytesPerSecond: .max)
        #expect(fast.bytes(in: .seconds(1)) == .max)
        #expect(fast.bytes(in: .seconds(2)) == .max)
        #expect(fast.bytes(in: Interval(nanoseconds: .max)) == .max)
        #expect(fast.bytes(in: Interval(nanoseconds: 500_000_000)) == .max / 2)
    }

    @Test func afterTheTimeForSomeBytesTheyHavePassed() {
        #expect(ByteRate.zero.time(for: 1) == nil)
        #expect(ByteRate(bytesPerSecond: 3).time(for: 0) == .zero)
        #expect(ByteRate(bytesPerSecond: 3).time(for: -7) == .zero)
        #expect(ByteRate(bytesPerSecond: 1).time(for: .max) == Interval(nanoseconds: .max))
        let seed: UInt64 = 51
        var rng = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let rate = ByteRate(bytesPerSecond: Int64.random(in: 1...2_000_000_000, using: &rng))
            let bytes = Int64.random(in: 1...1_000_000_000, using: &rng)
            guard let time = rate.time(for: bytes) else {
                Issue.record("a rate above 0 has a time")
                continue
            }
            #expect(rate.bytes(in: time) >= bytes, "seed \(seed)")
            #expect(rate.bytes(in: time - Interval(nanoseconds: 1)) < bytes, "seed \(seed)")
        }
    }
}
