import Hashing
import Testing
import Tracker
import Units

private let infoHash = SHA1Digest(hex: "00252b7e41ff2f3a26202d5f2e7a390a0d3f3d80") ?? .zero

private func request(_ change: (inout AnnounceRequest) -> Void = { _ in }) -> AnnounceRequest {
    var request = AnnounceRequest(
        infoHash: infoHash, peerID: Array("-SW0100-abc~ +%\u{0}\u{1}xyz".utf8), port: 6881,
        uploaded: 1, downloaded: 2, left: 3, numWant: 50, key: 0xAB)
    change(&request)
    return request
}

@Suite struct HTTPAnnounceURLTests {
    @Test func writesEveryParameterExactly() throws {
        let url = try TrackerURL("http://a.example/announce")
        let text = HTTPTracker.announceURL(
            url,
            request {
                $0.event = .started
                $0.trackerID = [0, 0x41, 0xFF]
                $0.address = Endpoint("192.0.2.7:0")
            }
        ).text
        #expect(
            text == "http://a.example/announce"
                + "?info_hash=%00%25%2B%7EA%FF%2F%3A%26%20-_.z9%0A%0D%3F%3D%80"
                + "&peer_id=-SW0100-abc%7E%20%2B%25%00%01xyz&port=6881&uploaded=1&downloaded=2"
                + "&left=3&key=000000AB&event=started&numwant=50&compact=1&no_peer_id=1"
                + "&supportcrypto=1&trackerid=%00A%FF&ip=192.0.2.7")
    }

    @Test(arguments: [
        (AnnounceEvent.none, nil), (.started, "started"), (.completed, "completed"),
        (.stopped, "stopped"),
    ])
    func namesEvents(event: AnnounceEvent, name: String?) throws {
        let url = HTTPTracker.announceURL(
            try TrackerURL("http://a.example/"), request { $0.event = event })
        let value = url.query?.split(separator: "&").first { $0.hasPrefix("event=") }
        #expect(value.map(String.init) == name.map { "event=\($0)" })
    }

    @Test func leavesOutWhatIsNotWanted() throws {
        let url = HTTPTracker.announceURL(
            try TrackerURL("http://a.example/"), request { $0.supportsEncryption = false })
        for name in ["event", "trackerid", "supportcrypto", "ip"] {
            #expect(url.query?.contains("&\(name)=") == false)
        }
    }

    @Test(arguments: [
        ("http://a.example/announce?passkey=%2fx", "/announce?passkey=%2fx&info_hash="),
        ("http://a.example/announce?", "/announce?info_hash="),
        ("http://a.example", "/?info_hash="),
        ("http://a.example?x", "/?x&info_hash="),
    ])
    func keepsTheTrackersOwnParameters(url: String, beginning: String) throws {
        let text = HTTPTracker.announceURL(try TrackerURL(url), request()).text
        #expect(text.hasPrefix("http://a.example" + beginning))
    }

    @Test func neverReportsNegativeNumbers() throws {
        let url = HTTPTracker.announceURL(
            try TrackerURL("http://a.example/"),
            request {
                $0.uploaded = -1
                $0.downloaded = .min
                $0.left = -5
                $0.numWant = -9
            })
        #expect(url.query?.contains("&uploaded=0&downloaded=0&left=0&") == true)
        #expect(url.query?.contains("&numwant=0&") == true)
    }

    @Test func scrapesSeveralTorrents() throws {
        let url = try TrackerURL("http://a.example/announce?p=1")
        let text = HTTPTracker.scrapeURL(url, [infoHash, .zero])?.text
        let zeros = String(repeating: "%00", count: 20)
        #expect(
            text == "http://a.example/scrape?p=1"
                + "&info_hash=%00%25%2B%7EA%FF%2F%3A%26%20-_.z9%0A%0D%3F%3D%80&info_hash=\(zeros)")
        #expect(HTTPTracker.scrapeURL(url, []) == nil)
        #expect(HTTPTracker.scrapeURL(try TrackerURL("http://a.example/x"), [infoHash]) == nil)
        let many = HTTPTracker.scrapeURL(url, Array(repeating: infoHash, count: 75))
        #expect(many?.query?.split(separator: "&").count == 75)
    }
}

@Suite struct HTTPReplyTests {
    private func parse(_ text: String) throws(TrackerError) -> AnnounceResponse {
        try HTTPTracker.announceResponse(Array(text.utf8))
    }

    private func parse(_ parts: [[UInt8]]) throws(TrackerError) -> AnnounceResponse {
        try HTTPTracker.announceResponse(Array(parts.joined()))
    }

    @Test func readsAFullReply() throws {
        let response = try parse([
            Array("d8:completei5e10:downloadedi7e11:external ip4:".utf8), [192, 0, 2, 9],
            Array("10:incompletei6e8:intervali900e12:min intervali300e5:peers12:".utf8),
            [192, 0, 2, 1, 0x1A, 0xE1, 192, 0, 2, 2, 0, 1],
            Array("6:peers618:".utf8), [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11),
            [1, 0x1A, 0xE1], Array("10:tracker id3:abc15:warning message5:sorrye".utf8),
        ])
        #expect(response.interval == .seconds(900))
        #expect(response.minInterval == .seconds(300))
        #expect(response.counts == SwarmCounts(seeders: 5, leechers: 6, downloads: 7))
        #expect(response.externalAddress == Endpoint("192.0.2.9:0"))
        #expect(
            response.peers
                == ["192.0.2.1:6881", "192.0.2.2:1", "[2001:db8::1]:6881"].compactMap {
                    Endpoint($0)
                })
        #expect(response.trackerID == Array("abc".utf8))
        #expect(response.warning == "sorry")
    }

    @Test func readsPeersAsDictionaries() throws {
        let response = try parse(
            "d8:intervali900e5:peersl"
                + "d2:ip9:192.0.2.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881ee"
                + "d2:ip11:2001:db8::14:porti1ee" + "d2:ip14:a.example.test4:porti2eeee")
        #expect(
            response.peers == ["192.0.2.1:6881", "[2001:db8::1]:1"].compactMap { Endpoint($0) })
        #expect(response.namedPeers == [NamedPeer(host: "a.example.test", port: 2)])
    }

    @Test(
        "T1 what is no tracker's reply is refused",
        arguments: [
            "", "<html><body>hello</body></html>", "d", "le", "i1e", "4:spam", "de", "d8:intervale",
            "d5:peersi5ee", "d1:xi1ee",
        ])
    func t1(body: String) {
        #expect(throws: TrackerError.self) { try parse(body) }
    }

    @Test("T1 a reply over 1 MiB is refused")
    func t1Size() throws {
        let head = Array("d8:intervali900e5:peers0:e".utf8)
        let fits = head + Array(repeating: 0x20, count: (1 << 20) - head.count)
        #expect(try HTTPTracker.announceResponse(fits).interval == .seconds(900))
        #expect(throws: TrackerError.replyTooLarge(limit: 1 << 20)) {
            try HTTPTracker.announceResponse(fits + [0x20])
        }
    }

    @Test("T1 deep and long replies are refused")
    func t1Bombs() {
        let deep = "d5:peers" + String(repeating: "l", count: 1000)
        #expect(throws: TrackerError.self) { try parse(deep) }
        let long = "d5:peersl" + String(repeating: "le", count: 200_000) + "ee"
        #expect(throws: TrackerError.self) { try parse(long) }
    }

    @Test(
        "T2 intervals are clamped",
        arguments: [
            ("i-1e", 60), ("i0e", 60), ("i1e", 60), ("i59e", 60), ("i60e", 60), ("i61e", 61),
            ("i86400e", 86_400), ("i86401e", 86_400), ("i2147483648e", 86_400),
            ("i9223372036854775807e", 86_400), ("4:soon", 1800), ("le", 1800),
        ])
    func t2(value: String, seconds: Int64) throws {
        #expect(try parse("d8:interval\(value)5:peers0:e").interval == .seconds(seconds))
        let response = try parse("d12:min interval\(value)5:peers0:e")
        #expect(response.interval == .seconds(1800))
        #expect(response.minInterval == (value.hasPrefix("i") ? .seconds(seconds) : nil))
    }

    @Test("T3 peers that cannot be dialled are left out")
    func t3() throws {
        let response = try parse([
            Array("d5:peers32:".utf8), [192, 0, 2, 1, 0, 0], [0, 0, 0, 0, 0, 9],
            [255, 255, 255, 255, 0, 9], [224, 0, 0, 1, 0, 9], [192, 0, 2, 1, 0, 9, 1, 2],
            Array("e".utf8),
        ])
        #expect(response.peers == [Endpoint("192.0.2.1:9")].compactMap(\.self))
    }

    @Test(
        "T3 ports that are none, and hosts that are none, are left out",
        arguments: [
            "4:porti0ee", "4:porti70000ee", "4:porti-1ee", "4:port2:80e", "4:porti65536ee", "e",
        ])
    func t3Dictionaries(port: String) throws {
        let response = try parse("d5:peersld2:ip9:192.0.2.1\(port)i5ele4:spamee")
        #expect(response.peers.isEmpty)
        for host in ["0:", "3:a b", "4:a\r\nb", "i5e", "2:\u{FF}", "3:1.2"] {
            let response = try parse("d5:peersld2:ip\(host)4:porti5eeee")
            #expect(response.peers.isEmpty && response.namedPeers.isEmpty, "\(host)")
        }
    }

    @Test("T3 at most 1,000 peers are taken, each once")
    func t3Count() throws {
        func peers(_ count: Int) throws -> Int {
            var bytes: [UInt8] = []
            for index in 0..<count {
                bytes += [10, UInt8(index >> 8), UInt8(index & 255), 1, 0, 9]
            }
            return try parse([Array("d5:peers\(bytes.count):".utf8), bytes, [0x65]]).peers.count
        }
        #expect(try peers(1000) == 1000)
        #expect(try peers(1001) == 1000)
        let same = Array(repeating: [192, 0, 2, 1, 0, 9] as [UInt8], count: 100).flatMap(\.self)
        #expect(try parse([Array("d5:peers600:".utf8), same, [0x65]]).peers.count == 1)
        let named = (0..<21).map { "d2:ip3:x\($0 + 10)4:porti9ee" }.joined()
        #expect(try parse("d5:peersl\(named)ee").namedPeers.count == 20)
    }

    @Test("T3 near peers are believed only of near trackers")
    func t3Near() throws {
        var far = try parse([
            Array("d5:peers24:".utf8), [127, 0, 0, 1, 0, 9], [192, 168, 0, 1, 0, 9],
            [169, 254, 0, 1, 0, 9], [192, 0, 2, 1, 0, 9], [0x65],
        ])
        var near = far
        far.removePeersNear(unless: false)
        near.removePeersNear(unless: true)
        #expect(far.peers == [Endpoint("192.0.2.1:9")].compactMap(\.self))
        #expect(near.peers.count == 4)
    }

    @Test("T4 a tracker's words are shortened and made harmless")
    func t4() {
        func reason(_ bytes: [UInt8]) -> String? {
            let body = Array("d14:failure reason\(bytes.count):".utf8) + bytes + [0x65]
            do {
                _ = try HTTPTracker.announceResponse(body)
                return nil
            } catch .refused(let reason, nil) { return reason } catch { return nil }
        }
        #expect(reason(Array("not registered".utf8)) == "not registered")
        #expect(reason(Array(repeating: 0x61, count: 256))?.utf8.count == 256)
        #expect(reason(Array(repeating: 0x61, count: 257))?.utf8.count == 256)
        #expect(reason(Array(repeating: 0x61, count: 1_000_000))?.utf8.count == 256)
        #expect(reason(Array("a\u{1B}[31mb".utf8)) == "a\u{FFFD}[31mb")
        #expect(
            reason(Array("a\u{202E}b\u{2028}c\r\nd".utf8)) == "a\u{FFFD}b\u{FFFD}c\u{FFFD}\u{FFFD}d"
        )
        #expect(reason([0xFF, 0x61]) == "\u{FFFD}a")
        #expect(reason(Array(repeating: 0xFF, count: 300)).map { $0.utf8.count <= 256 } == true)
    }

    @Test("T7 tracker ids and external addresses are capped")
    func t7() throws {
        func trackerID(_ count: Int) throws -> Int? {
            let id = String(repeating: "i", count: count)
            return try parse("d5:peers0:10:tracker id\(count):\(id)e").trackerID?.count
        }
        #expect(try trackerID(0) == nil)
        #expect(try trackerID(256) == 256)
        #expect(try trackerID(257) == nil)
        #expect(try trackerID(1_000_000) == nil)
        for address: [UInt8] in [[], [1, 2, 3], [1, 2, 3, 4, 5], [127, 0, 0, 1], [10, 0, 0, 1]] {
            let body =
                Array("d11:external ip\(address.count):".utf8) + address
                + Array("5:peers0:e".utf8)
            #expect(try HTTPTracker.announceResponse(body).externalAddress == nil)
        }
    }

    @Test(
        "T8 what a tracker says about asking again is heard",
        arguments: [
            ("5:never", RetryAdvice.never), ("1:5", .after(.seconds(300))),
            ("i5e", .after(.seconds(300))), ("i9223372036854775807e", .after(.seconds(86_400))),
            ("i0e", nil), ("i-5e", nil), ("4:soon", nil), ("le", nil),
        ])
    func t8(value: String, advice: RetryAdvice?) {
        #expect(throws: TrackerError.refused(reason: "x", retry: advice)) {
            try parse("d14:failure reason1:x8:retry in\(value)e")
        }
    }

    @Test("T8 Gone means never again")
    func t8Gone() {
        let gone = HTTPTracker.refusal(status: 410, retryAfter: nil, body: [])
        #expect(gone == .httpStatus(410, retryAfter: nil))
        #expect(gone.retry == .never)
        let words = HTTPTracker.refusal(
            status: 410, retryAfter: nil, body: Array("d14:failure reason1:xe".utf8))
        #expect(words == .refused(reason: "x", retry: .never))
    }

    @Test func hearsRetryAfter() {
        func retry(_ text: String?) -> RetryAdvice? {
            HTTPTracker.refusal(status: 503, retryAfter: text, body: Array("busy".utf8)).retry
        }
        #expect(retry(nil) == nil)
        #expect(retry("120") == .after(.seconds(120)))
        #expect(retry("1000000000") == .after(.seconds(86_400)))
        #expect(retry("-1") == .after(.zero))
        #expect(retry("Fri, 31 Dec 1999 23:59:59 GMT") == nil)
    }

    @Test("T13 unknown torrents are ignored and counts are never negative")
    func t13() throws {
        let other = SHA1Digest(hex: String(repeating: "61", count: 20)) ?? .zero
        let third = SHA1Digest(hex: String(repeating: "62", count: 20)) ?? .zero
        let body =
            "d5:filesd20:\(String(repeating: "a", count: 20))"
            + "d8:completei-5e10:downloadedi7e10:incompletei9223372036854775807ee"
            + "20:\(String(repeating: "b", count: 20))d8:completei5ee3:abcdeee"
        let response = try HTTPTracker.scrapeResponse(Array(body.utf8), for: [other, .zero])
        #expect(
            response.counts
                == [other: SwarmCounts(seeders: 0, leechers: .max, downloads: 7)])
        #expect(response.counts[third] == nil)
        for bad in ["de", "d5:files0:e", "d5:filesleE", "<html>"] {
            #expect(throws: TrackerError.self) {
                try HTTPTracker.scrapeResponse(Array(bad.utf8), for: [other])
            }
        }
        #expect(throws: TrackerError.refused(reason: "no", retry: nil)) {
            try HTTPTracker.scrapeResponse(Array("d14:failure reason2:noe".utf8), for: [other])
        }
    }

    @Test func readsHowOftenToScrape() throws {
        let body = "d5:filesde5:flagsd20:min_request_intervali900eee"
        let response = try HTTPTracker.scrapeResponse(Array(body.utf8), for: [])
        #expect(response.minInterval == .seconds(900))
    }

    @Test func everyPrefixAndFlippedByteOfAReplyIsRefusedOrRead() {
        let reply = Array(
            "d8:completei5e8:intervali900e5:peersld2:ip9:192.0.2.14:porti6881eee6:peers60:e".utf8)
        for count in 0..<reply.count {
            _ = try? HTTPTracker.announceResponse(Array(reply[..<count]))
        }
        for position in reply.indices {
            for bit in 0..<8 {
                var changed = reply
                changed[position] ^= 1 << UInt8(bit)
                _ = try? HTTPTracker.announceResponse(changed)
            }
        }
    }

    @Test func mergesTheAnswersOfTwoFamilies() {
        let both = [Endpoint("192.0.2.1:9"), Endpoint("[2001:db8::1]:9")].compactMap(\.self)
        let merged = AnnounceResponse(
            interval: .seconds(900), peers: [both[0]], counts: SwarmCounts(seeders: 1)
        ).merged(
            with: AnnounceResponse(
                interval: .seconds(1800), minInterval: .seconds(60), peers: both,
                counts: SwarmCounts(seeders: 2, leechers: 3), trackerID: [1], warning: "w"))
        #expect(merged.interval == .seconds(1800))
        #expect(merged.minInterval == .seconds(60))
        #expect(merged.peers == both)
        #expect(merged.counts == SwarmCounts(seeders: 1, leechers: 3))
        #expect(merged.trackerID == [1])
        #expect(merged.warning == "w")
    }
}
