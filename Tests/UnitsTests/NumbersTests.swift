import Testing
import Units

@Suite struct NumbersTests {
    @Test(arguments: [
        ("0", 0), ("512", 512), ("16k", 16_384), ("16K", 16_384), ("16KiB", 16_384),
        ("16ki", 16_384), ("16kB", 16_000), ("10M", 10_485_760), ("10MiB", 10_485_760),
        ("10MB", 10_000_000), ("1.5G", 1_610_612_736), ("0.5k", 512), ("100B", 100),
        ("1T", 1_099_511_627_776), ("1.000000001GB", 1_000_000_001),
    ])
    func readsSizes(_ text: String, _ bytes: Int64) throws {
        #expect(try parseSize(text) == bytes)
    }

    @Test(arguments: [
        "", "k", "-1", "+1", "1.", ".5", "1,5M", "10 M", "10X", "10MM", "1e3", "0x10", "٣",
        "10Mb/s",
        "1.1234567891M",
    ])
    func refusesWhatIsNoSize(_ text: String) {
        #expect(throws: ValueFault.notASize) { try parseSize(text) }
    }

    @Test(arguments: ["9223372036854775808", "99999999P", "8192P", "9223372036854775807k"])
    func refusesSizesThatDoNotFit(_ text: String) {
        #expect(throws: ValueFault.self) { try parseSize(text) }
    }

    @Test func theLargestSizeFits() throws {
        #expect(try parseSize("9223372036854775807") == .max)
        #expect(try parseSize("8191.999P") > 0)
    }

    @Test(arguments: [
        ("500k", 512_000), ("10M", 10_485_760), ("10M/s", 10_485_760), ("5MB/s", 5_000_000),
        ("80mbit", 10_000_000), ("80Mbit/s", 10_000_000), ("1gbit", 125_000_000),
        ("8kibit", 1_024), ("100", 100), ("1.5mbit", 187_500),
    ])
    func readsRates(_ text: String, _ bytesPerSecond: Int64) throws {
        #expect(try parseRate(text) == ByteRate(bytesPerSecond: bytesPerSecond))
    }

    @Test(arguments: ["0", "none", "None", "0M"])
    func noRateIsNoLimit(_ text: String) throws {
        #expect(try parseRate(text) == nil)
    }

    @Test func refusesRatesThatMayBeBitsOrBytes() {
        #expect(throws: ValueFault.ambiguousBits("Mb")) { try parseRate("10Mb") }
        #expect(throws: ValueFault.ambiguousBits("Mb")) { try parseRate("10Mb/s") }
        #expect(throws: ValueFault.notARate) { try parseRate("10mbps") }
        #expect(throws: ValueFault.notARate) { try parseRate("fast") }
    }

    @Test(arguments: [
        ("90", 90_000), ("90s", 90_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000),
        ("1w", 604_800_000), ("1h30m", 5_400_000), ("1d2h3m4s", 93_784_000), ("1.5h", 5_400_000),
        ("250ms", 250), ("0", 0),
    ])
    func readsLengthsOfTime(_ text: String, _ milliseconds: Int64) throws {
        #expect(try parseInterval(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: ["", "m", "5 m", "-5m", "5x", "1h30", "30m1h", "1h1h", "1h30m5"])
    func refusesWhatIsNoLengthOfTime(_ text: String) {
        #expect(throws: ValueFault.notAnInterval) { try parseInterval(text) }
    }

    @Test func refusesLengthsOfTimeThatDoNotFit() {
        #expect(throws: ValueFault.outOfRange) { try parseInterval("999999999999d") }
    }

    @Test func readsRatios() throws {
        #expect(try parseRatio("1.5") == 1.5)
        #expect(try parseRatio("0") == 0)
        #expect(throws: ValueFault.notARatio) { try parseRatio("-1") }
        #expect(throws: ValueFault.notARatio) { try parseRatio("1.5x") }
        #expect(throws: ValueFault.notARatio) { try parseRatio("nan") }
    }
}

@Suite struct HostPortTests {
    @Test(arguments: [
        ("192.0.2.1:6881", "192.0.2.1", 6881), ("[2001:db8::1]:80", "2001:db8::1", 80),
        ("tracker.example:65535", "tracker.example", 65535),
    ])
    func readsAndWrites(_ text: String, _ host: String, _ port: Int) throws {
        let place = try HostPort(text)
        #expect(place.host == host)
        #expect(Int(place.port) == port)
        #expect(place.description == text)
    }

    @Test func saysWhatIsWrong() {
        #expect(throws: ValueFault.notAHostAndPort) { try HostPort("192.0.2.1") }
        #expect(throws: ValueFault.notAHostAndPort) { try HostPort(":80") }
        #expect(throws: ValueFault.notAHostAndPort) { try HostPort("a b:80") }
        #expect(throws: ValueFault.bareIPv6) { try HostPort("2001:db8::1:80") }
        #expect(throws: ValueFault.bareIPv6) { try HostPort("[2001:db8::1:80") }
        #expect(throws: ValueFault.bareIPv6) { try HostPort("[name]:80") }
        #expect(throws: ValueFault.badPort("0")) { try HostPort("h:0") }
        #expect(throws: ValueFault.badPort("65536")) { try HostPort("h:65536") }
        #expect(throws: ValueFault.badPort("http")) { try HostPort("h:http") }
        #expect(throws: ValueFault.badPort("+80")) { try HostPort("h:+80") }
    }
}
