import Testing
import Tracker
import Units

@Suite struct TrackerURLTests {
    @Test func readsTheUsualForms() throws {
        let http = try TrackerURL("http://Tracker.Example.com:6969/announce?passkey=aB%2f9")
        #expect(http.scheme == .http)
        #expect(http.host == "tracker.example.com")
        #expect(http.port == 6969)
        #expect(http.path == "/announce")
        #expect(http.query == "passkey=aB%2f9")
        #expect(http.text == "http://tracker.example.com:6969/announce?passkey=aB%2f9")

        let udp = try TrackerURL("UDP://[2001:DB8:0::1]:451")
        #expect(udp.scheme == .udp)
        #expect(udp.host == "2001:db8::1")
        #expect(udp.port == 451)
        #expect(udp.path == "")
        #expect(udp.hostAddress == Endpoint("[2001:db8::1]:451"))
        #expect(udp.text == "udp://[2001:db8::1]:451")
    }

    @Test(arguments: [
        ("http://a.example/announce", 80), ("https://a.example/announce", 443),
        ("udp://a.example/announce", 80), ("https://a.example:/announce", 443),
    ])
    func knowsDefaultPorts(text: String, port: Int) throws {
        #expect(try TrackerURL(text).port == UInt16(port))
    }

    @Test(arguments: [
        ("  http://a.example/announce\r\n", "http://a.example/announce"),
        ("http://a.example/announce#part", "http://a.example/announce"),
        ("http://a.example:80/x", "http://a.example/x"),
        ("http://a.example./x", "http://a.example/x"),
        ("http://a.example/a b\"c/ü?q=%zz", "http://a.example/a%20b%22c/%C3%BC?q=%25zz"),
        ("http://a.example/a/./b/../announce", "http://a.example/a/announce"),
        ("http://a.example/../../announce", "http://a.example/announce"),
        ("http://a.example/announce/%2E%2e/evil", "http://a.example/evil"),
        ("http://a.example?x=1", "http://a.example?x=1"),
    ])
    func normalises(text: String, normal: String) throws {
        #expect(try TrackerURL(text).text == normal)
    }

    @Test(
        "M17 only schemes that lead to trackers are taken",
        arguments: [
            "file:///etc/passwd", "gopher://a.example/", "ftp://a.example/announce",
            "javascript://a.example/", "wss://a.example/announce",
        ])
    func m17(text: String) {
        let scheme = String(text.prefix { $0 != ":" })
        #expect(throws: TrackerURLError.unknownScheme(scheme)) { try TrackerURL(text) }
    }

    @Test("M17 web services near to us are not asked")
    func m17Near() throws {
        let cloud = try TrackerURL("http://169.254.169.254/latest/meta-data")
        let address = try #require(cloud.hostAddress)
        #expect(!cloud.mayConnect(to: address))
        let rpc = try TrackerURL("http://127.0.0.1:9091/transmission/rpc")
        #expect(!rpc.mayConnect(to: try #require(rpc.hostAddress)))
    }

    @Test(
        "T9 a near address is asked over HTTP only for /announce",
        arguments: [
            "127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "10.1.2.3", "192.168.0.1",
            "169.254.169.254", "fe80::1", "fd00::1", "::", "::127.0.0.1", "64:ff9b::7f00:1",
            "64:ff9b::a00:1", "0.1.2.3", "100.64.0.1",
        ])
    func t9(address: String) throws {
        let endpoint = try #require(Endpoint(addressText: address, port: 80))
        for path in ["/announce", "/announce.php", "/announce/abc", "/announce?key9=x"] {
            #expect(try TrackerURL("http://a.example\(path)").mayConnect(to: endpoint))
        }
        for path in [
            "", "/", "/rpc", "/announcement", "/x/announce", "/Announce", "/announce/../rpc",
            "/announce/%2e%2E/rpc", "/announce%2f..%2frpc", "?/announce",
        ] {
            #expect(try !TrackerURL("http://a.example\(path)").mayConnect(to: endpoint), "\(path)")
        }
        #expect(try TrackerURL("udp://a.example:1/x").mayConnect(to: endpoint))
    }

    @Test("T9 far addresses are asked whatever the path", arguments: ["192.0.2.1", "2001:db8::1"])
    func t9Far(address: String) throws {
        let endpoint = try #require(Endpoint(addressText: address, port: 80))
        #expect(try TrackerURL("http://a.example/x").mayConnect(to: endpoint))
        #expect(
            try !TrackerURL("http://a.example/announce").mayConnect(
                to: try #require(Endpoint(addressText: "224.0.0.1", port: 80))))
    }

    @Test(
        "T11 parameters that only a client sets are refused",
        arguments: [
            "info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "corrupt", "event",
            "key", "INFO_HASH", "info%5Fhash", "%69nfo_hash",
        ])
    func t11(name: String) {
        #expect(throws: TrackerURLError.self) {
            try TrackerURL("http://a.example/announce?x=1&\(name)=1")
        }
        #expect(throws: TrackerURLError.self) {
            try TrackerURL("http://a.example/announce?\(name)")
        }
        #expect(throws: Never.self) { try TrackerURL("http://a.example/announce?my\(name)=1") }
    }

    @Test(
        "T11 control characters are refused",
        arguments: [
            "http://a.example/\r\nHost: b", "http://a\texample/", "http://a.example/\u{0}",
            "ht\ntp://a.example/", "http://a.example/\u{7F}",
        ])
    func t11Control(text: String) {
        #expect(throws: TrackerURLError.self) { try TrackerURL(text) }
    }

    @Test("T11 credentials leave the URL")
    func t11Credentials() throws {
        let url = try TrackerURL("http://me%40x:se:cret@a.example/announce")
        #expect(url.credentials?.user == "me@x")
        #expect(url.credentials?.password == "se:cret")
        #expect(url.text == "http://a.example/announce")
        #expect(try TrackerURL("http://good.example@evil.example/x").host == "evil.example")
    }

    @Test("T11 long URLs are refused")
    func t11Long() throws {
        let path = String(repeating: "a", count: 4096 - "http://a.example/".count)
        #expect(throws: Never.self) { try TrackerURL("http://a.example/\(path)") }
        #expect(throws: TrackerURLError.tooLong(byteCount: 4097)) {
            try TrackerURL("http://a.example/\(path)a")
        }
        #expect(throws: TrackerURLError.tooLong(byteCount: 65_536)) {
            try TrackerURL(String(repeating: "h", count: 65_536))
        }
    }

    @Test(arguments: [
        "", "tracker", "//a.example/", "http:a.example", "http:/a.example", "http://",
        "http:///announce", "http://:80/", "http://a..b/", "http://.a/", "http://a b/",
        "http://a%41/", "http://a\\b/", "http://[::1/", "http://[127.0.0.1]/", "http://[::g]/",
        "http://[::1]x/", "http://[fe80::1%25eth0]/", "http://a.example:x/",
        "http://a.example:65536/", "http://a.example:0/", "http://a.example:-1/",
        "http://a.example:+80/", "http://127.1/", "http://2130706433/", "http://0x7f000001/",
        "http://1.2.3.4.5/", "http://256.1.1.1/", "http://a.1/",
    ])
    func refusesWhatIsNoURL(text: String) {
        #expect(throws: TrackerURLError.self) { try TrackerURL(text) }
    }

    @Test func takesInternationalNamesOnlyIfAllowed() throws {
        #expect(throws: TrackerURLError.internationalHost("xn--80ak6aa92e.example")) {
            try TrackerURL("http://xn--80ak6aa92e.example/")
        }
        #expect(throws: TrackerURLError.self) { try TrackerURL("http://äpfel.example/") }
        let allowed = try TrackerURL(
            "http://xn--80ak6aa92e.example/", allowsInternationalNames: true)
        #expect(allowed.host == "xn--80ak6aa92e.example")
    }

    @Test func boundsNames() throws {
        let label = String(repeating: "a", count: 63)
        #expect(throws: Never.self) { try TrackerURL("http://\(label).example/") }
        #expect(throws: TrackerURLError.self) { try TrackerURL("http://\(label)a.example/") }
        let long = [label, label, label].joined(separator: ".") + "."
        let fits = long + String(repeating: "b", count: 253 - long.count)
        #expect(fits.count == 253)
        #expect(throws: Never.self) { try TrackerURL("http://\(fits)/") }
        #expect(throws: TrackerURLError.self) { try TrackerURL("http://\(fits)b/") }
    }

    @Test func hidesSecretsInItsDescription() throws {
        #expect("\(try TrackerURL("http://a.example/announce"))" == "http://a.example/announce")
        #expect("\(try TrackerURL("https://a.example/0123/announce"))" == "https://a.example/…")
        #expect("\(try TrackerURL("https://a.example/announce?p=1"))" == "https://a.example/…")
    }

    @Test(arguments: [
        ("http://a.example/announce", "http://a.example/scrape"),
        ("http://a.example/x/announce", "http://a.example/x/scrape"),
        ("http://a.example/announce.php", "http://a.example/scrape.php"),
        ("http://a.example/announce/abc?x=2", "http://a.example/scrape/abc?x=2"),
        ("http://a.example/announce?x2%0644", "http://a.example/scrape?x2%0644"),
        ("http://a.example/announce/announce", "http://a.example/announce/scrape"),
        ("udp://a.example:9/", "udp://a.example:9/"),
    ])
    func findsWhereToScrape(announce: String, scrape: String) throws {
        #expect(try TrackerURL(announce).scrapeURL?.text == scrape)
    }

    @Test(arguments: [
        "http://a.example/a", "http://a.example/announc", "http://a.example/x%064announce",
        "http://a.example/x?y=/announce",
    ])
    func knowsWhatCannotBeScraped(announce: String) throws {
        #expect(try TrackerURL(announce).scrapeURL == nil)
    }
}

@Suite struct RedirectTests {
    let base: TrackerURL

    init() throws { base = try TrackerURL("http://u:p@a.example/x/announce?k=1") }

    @Test(
        "T5 redirects are followed as RFC 9110 says",
        arguments: [
            ("http://b.example/y?info_hash=%01", "http://b.example/y?info_hash=%01"),
            ("https://a.example/y", "https://a.example/y"),
            ("//b.example:81/y", "http://b.example:81/y"),
            ("/y", "http://a.example/y"),
            ("y?z", "http://a.example/x/y?z"),
            ("../y", "http://a.example/y"),
            ("?z", "http://a.example/x/announce?z"),
            ("", "http://a.example/x/announce?k=1"),
        ])
    func t5(location: String, target: String) throws {
        #expect(try base.redirected(to: location).text == target)
    }

    @Test(
        "T5 redirects to other schemes are refused",
        arguments: [
            "file:///etc/passwd", "ftp://a.example/", "udp://a.example:1/", "gopher:x", "http:///x",
        ])
    func t5Schemes(location: String) {
        #expect(throws: TrackerURLError.self) { try base.redirected(to: location) }
    }

    @Test("T5 TLS is not given up")
    func t5Downgrade() throws {
        let secure = try TrackerURL("https://a.example/announce")
        #expect(throws: TrackerURLError.downgrade(to: "http")) {
            try secure.redirected(to: "http://a.example/announce")
        }
        #expect(try secure.redirected(to: "/x").text == "https://a.example/x")
    }

    @Test("T5 credentials stay with their origin")
    func t5Credentials() throws {
        #expect(try base.redirected(to: "/y").credentials == base.credentials)
        for other in [
            "http://b.example/", "http://a.example:81/", "https://a.example/",
            "http://x:y@b.example/",
        ] {
            #expect(try base.redirected(to: other).credentials == nil)
        }
    }
}
