import Testing
import Units

@Suite struct EndpointTests {
    @Test(arguments: [
        "192.0.2.1:6881", "0.0.0.0:0", "255.255.255.255:65535", "[2001:db8::1]:1", "[::]:0",
        "[::1]:65535", "[fe80::1:0:0:1]:9", "[2001:0:0:1::1]:5", "[1:2:3:4:5:6:7:8]:80",
        "[1:0:3:4:5:6:7:8]:80", "[1::]:80", "[1:2:3:4:5:6::]:80", "[::3:4:5:6:7:8]:80",
        "[ff02::fb]:5353",
    ])
    func readsBackWhatItPrints(text: String) {
        #expect(Endpoint(text)?.description == text)
    }

    @Test func printsIPv6AsRFC5952Says() {
        let canonical = [
            "2001:0db8:0000:0000:0000:0000:0002:0001": "2001:db8::2:1",
            "2001:DB8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
            "2001:0:0:0:db8:0:0:1": "2001::db8:0:0:1",
            "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
            "2001:db8::0:1": "2001:db8::1",
            "0:0:0:0:0:0:0:0": "::",
            "1:2:3:4:5:6:7::": "1:2:3:4:5:6:7:0",
            "::2:3:4:5:6:7:8": "0:2:3:4:5:6:7:8",
            "64:ff9b::192.0.2.33": "64:ff9b::c000:221",
        ]
        for (text, printed) in canonical {
            #expect(Endpoint(addressText: text, port: 1)?.addressText == printed)
        }
    }

    @Test func takesAMappedAddressForTheIPv4ThatItIs() {
        for text in ["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"] {
            let endpoint = Endpoint(addressText: text, port: 7)
            #expect(endpoint == Endpoint(ipv4: 0xC000_0201, port: 7))
            #expect(endpoint?.description == "192.0.2.1:7")
        }
    }

    @Test(arguments: [
        "", ":", "1.2.3.4", "1.2.3.4:", ":80", "1.2.3.4:65536", "1.2.3.4:99999999999999999999",
        "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4: 1", "1.2.3.4:080", "1.2.3.4:0x50", "1.2.3:80",
        "1.2.3.4.5:80", "1.2.3.256:80", "01.2.3.4:80", "1.2.3.04:80", "1..3.4:80", "1.2.3.:80",
        " 1.2.3.4:80", "1.2.3.4 :80", "example.org:80", "0x7f000001:80", "2130706433:80", "::1:80",
        "[::1]", "[::1]:", "[::1", "[]:80", "[:80", "]:80", "[1.2.3.4]:80", "[::1%eth0]:80",
        "[:::]:80", "[::::]:80", "[1::2::3]:80", "[1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:8:9]:80",
        "[1:2:3:4:5:6:7::8]:80", "[:1:2:3:4:5:6:7]:80", "[1:2:3:4:5:6:7:]:80", "[12345::]:80",
        "[g::]:80", "[1.2.3.4::]:80", "[::1.2.3.4:5]:80", "[1:2:3:4:5:6:7:1.2.3.4]:80",
        "[::1.2.3]:80", "[::01.2.3.4]:80", "[[::1]]:80", "１.2.3.4:80", "[::１]:80",
        "1.2.3.4:8\u{0301}0", "1.2.3.4:\u{0}80",
    ])
    func refusesWhatIsNoEndpoint(text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test func refusesTextsOfAnyLengthQuickly() {
        let long = String(repeating: "1", count: 1_000_000)
        #expect(Endpoint(long + ":80") == nil)
        #expect(Endpoint("1.2.3.4:" + long) == nil)
        #expect(Endpoint(addressText: String(repeating: ":", count: 1_000_000), port: 1) == nil)
        #expect(Endpoint(addressText: "[::1]", port: 1) == nil)
    }

    @Test(arguments: [31, 32] as [UInt64])
    func roundTripsAnyEndpointAsTextAndCompact(seed: UInt64) {
        var rng = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let groups = (0..<8).map { _ in
                UInt64.random(in: 0...2, using: &rng) == 0
                    ? UInt64.random(in: 0...0xFFFF, using: &rng) : 0
            }
            let endpoint = Endpoint(
                ipv6High: groups[..<4].reduce(0) { $0 << 16 | $1 },
                low: groups[4...].reduce(0) { $0 << 16 | $1 },
                port: UInt16.random(in: 0...0xFFFF, using: &rng))
            #expect(Endpoint("\(endpoint)") == endpoint, "seed \(seed)")
            #expect(Endpoint(compactIPv6: endpoint.compactBytes) == endpoint, "seed \(seed)")
            let v4 = Endpoint(ipv4: UInt32.random(in: 0 ... .max, using: &rng), port: endpoint.port)
            #expect(Endpoint("\(v4)") == v4, "seed \(seed)")
            #expect(Endpoint(compactIPv4: v4.compactBytes) == v4, "seed \(seed)")
        }
    }

    @Test func hasTheCompactFormsOfBEP23AndBEP7() {
        let v4 = Endpoint(ipv4: 0xC000_0201, port: 0x1AE1)
        #expect(v4.compactBytes == [192, 0, 2, 1, 0x1A, 0xE1])
        #expect(v4.addressBytes == [192, 0, 2, 1])
        let v6 = Endpoint(ipv6High: 0x2001_0DB8_0000_0000, low: 1, port: 0x0102)
        let zeros = Array(repeating: UInt8(0), count: 11)
        #expect(v6.compactBytes == [0x20, 1, 0x0D, 0xB8] + zeros + [1, 1, 2])
        for count in 0...20 {
            let bytes = Array(repeating: UInt8(1), count: count)
            #expect((Endpoint(compactIPv4: bytes) != nil) == (count == 6))
            #expect((Endpoint(compactIPv6: bytes) != nil) == (count == 18))
        }
    }

    @Test func knowsTheKindsOfAddress() throws {
        func addresses(_ texts: String) throws -> [Endpoint] {
            try texts.split(separator: " ").map {
                try #require(Endpoint(addressText: $0, port: 80), "\($0)")
            }
        }
        for endpoint in try addresses("127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1") {
            #expect(endpoint.isLoopback && endpoint.isLocal, "\(endpoint)")
        }
        for endpoint in try addresses(
            "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.1 100.64.0.0 "
                + "100.127.255.255 fc00:: fdff::1 fec0::1")
        {
            #expect(endpoint.isPrivate && endpoint.isLocal && endpoint.isDialable, "\(endpoint)")
        }
        for endpoint in try addresses("169.254.0.1 169.254.169.254 fe80::1 febf::1") {
            #expect(endpoint.isLinkLocal && endpoint.isLocal, "\(endpoint)")
        }
        for endpoint in try addresses(
            "64:ff9b::127.0.0.1 64:ff9b::10.1.2.3 ::10.0.0.1 0.0.0.0 :: 0.1.2.3")
        {
            #expect(endpoint.isLocal, "\(endpoint)")
        }
        for endpoint in try addresses(
            "9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.0.1 192.169.0.1 100.63.0.1 "
                + "100.128.0.1 126.0.0.1 128.0.0.1 169.253.0.1 169.255.0.1 1.1.1.1 fbff::1 "
                + "2001:db8::1 64:ff9b::8.8.8.8 65:ff9b::127.0.0.1 ::8.8.8.8 1::1")
        {
            #expect(
                !endpoint.isLocal && !endpoint.isMulticast && endpoint.isDialable, "\(endpoint)")
        }
        for endpoint in try addresses("224.0.0.1 239.255.255.255 255.255.255.255 ff02::1 ffff::") {
            #expect(endpoint.isMulticast && !endpoint.isDialable, "\(endpoint)")
        }
        for endpoint in try addresses("0.0.0.0 ::") {
            #expect(endpoint.isUnspecified && !endpoint.isDialable, "\(endpoint)")
        }
        for endpoint in try addresses("0.0.0.1 240.0.0.1 254.1.1.1") {
            #expect(!endpoint.isDialable, "\(endpoint)")
        }
        #expect(!Endpoint(ipv4: 0x0101_0101, port: 0).isDialable)
    }

    @Test func anAddressHasNoPort() {
        let endpoint = Endpoint(ipv4: 0x0101_0101, port: 9)
        #expect(endpoint.address == endpoint.with(port: 0))
        #expect(endpoint.address == Endpoint(ipv4: 0x0101_0101, port: 1).address)
        #expect(endpoint.with(port: 3).port == 3)
    }
}
