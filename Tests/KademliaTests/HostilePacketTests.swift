import Kademlia
import Testing
import Units

@Suite struct HostilePacketTests {
    private let id = "2:id20:abcdefghij0123456789"
    private let target = "6:target20:mnopqrstuvwxyz123456"

    private func query(_ arguments: String, _ method: String, end: String = "1:t2:aa1:y1:q")
        -> String
    {
        "d1:ad\(arguments)e1:q\(method.utf8.count):\(method)\(end)e"
    }

    /// The code that a broken query is answered with.
    private func code(_ text: String) -> KRPCErrorCode? { refusal(text)?.answer?.code }

    @Test("K1 what is no dictionary, or has no end, is dropped without a word")
    func k1Malformed() throws {
        let texts = [
            "i1e", "le", "4:spam", "de1", "d", "dd", "d1:a", "d1:ad", "d1:t2:aa1:y1:qeX",
            "d1:t99999999999999999999:", "di1e1:ae", "d1:ai1", "d02:aai1ee", "d1:xi--1ee",
            "d1:xi9223372036854775808ee",
        ]
        for text in texts {
            let error = try #require(refusal(text), "\(text)")
            #expect(error.answer == nil, "\(text)")
        }
        let whole = Array(query("\(id)\(target)", "find_node").utf8)
        _ = try Packet(whole)
        for count in whole.indices {
            let error = try #require(refusal(Array(whole[..<count])))
            #expect(error.answer == nil)
        }
    }

    @Test("K1 without a transaction of 1 to 24 bytes nothing is answered")
    func k1Transaction() throws {
        let long = String(repeating: "t", count: 1024)
        let ends = [
            "1:y1:q", "1:t0:1:y1:q", "1:t1024:\(long)1:y1:q", "1:ti1e1:y1:q", "1:tle1:y1:q",
            "1:t25:\(long.prefix(25))1:y1:q", "1:t2:aa1:t2:bb1:y1:q", "1:t2:aa1:y1:r1:y1:q",
        ]
        for end in ends {
            let error = try #require(refusal(query(id, "ping", end: end)), "\(end.prefix(20))")
            #expect(error.answer == nil, "\(end.prefix(20))")
        }
    }

    @Test("K1 a query that lacks something is told so with 203, an unknown one with 204")
    func k1Missing() throws {
        #expect(code("d1:ad\(id)e1:t2:aa1:y1:qe") == .protocolError)
        #expect(code("d1:q4:ping1:t2:aa1:y1:qe") == .protocolError)
        #expect(code(query("", "ping")) == .protocolError)
        #expect(code(query(id, "find_node")) == .protocolError)
        #expect(code(query(id, "get_peers")) == .protocolError)
        #expect(code(query(id, "get")) == .protocolError)
        #expect(code(query(id, "sample_infohashes")) == .protocolError)
        #expect(code(query(id, "put")) == .protocolError)
        #expect(code(query("\(id)5:token1:x", "put")) == .protocolError)
        #expect(code(query("\(id)1:vi1e", "put")) == .protocolError)
        #expect(code(query(id, "vote")) == .unknownMethod)
        #expect(code(query(id, "")) == .unknownMethod)
        let error = try #require(refusal(query(id, "vote")))
        #expect(error.fault == .methodUnknown)
        #expect(error.answer?.transactionID == Making.transactionID("aa"))
    }

    @Test("K1 only queries are told what is wrong with them")
    func k1OnlyQueries() throws {
        let broken = [
            "d1:rd2:id3:abce1:t2:aa1:y1:re", "d1:rde1:t2:aa1:y1:re", "d1:t2:aa1:y1:re",
            "d1:ei1e1:t2:aa1:y1:ee", "d1:t2:aa1:y1:ee", "d1:t2:aae", "d1:t2:aa1:y1:xe",
            "d1:t2:aa1:yi1ee", "d1:t2:aa1:y0:e",
            "d1:ad\(id)e1:q4:ping1:rd\(id)e1:t2:aa1:y1:re",
        ]
        for text in broken {
            let error = try #require(refusal(text), "\(text)")
            #expect(error.answer == nil, "\(text)")
        }
    }

    @Test("K1 a key of the wrong kind is refused, and nothing of the packet is taken for it")
    func k1WrongKinds() throws {
        let wrong = [
            "2:idi7e\(target)", "2:idle\(target)", "2:idde\(target)",
            "\(id)6:targeti7e", "\(id)6:targetl1:xe", "\(id)9:info_hashde",
        ]
        for arguments in wrong {
            #expect(code(query(arguments, "find_node")) == .protocolError, "\(arguments)")
        }
        let announce = "\(id)9:info_hash20:mnopqrstuvwxyz123456"
        let ports = [
            "4:port2:ab5:token1:x", "4:porti1e5:tokeni1e", "4:porti-1e5:token1:x",
            "4:porti65536e5:token1:x", "4:porti0e5:token1:x", "5:token1:x",
            "12:implied_port1:14:porti1e5:token1:x", "4:porti1e4:seed1:15:token1:x",
        ]
        for arguments in ports {
            #expect(
                code(query(announce + arguments, "announce_peer")) == .protocolError,
                "\(arguments)")
        }
        let implied = try Packet(
            query(
                "\(id)12:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234565:token1:x",
                "announce_peer"))
        #expect(implied.message.port == nil)
        #expect(code("d1:a4:spam1:q4:ping1:t2:aa1:y1:qe") == .protocolError)
        #expect(code("d1:ad\(id)e1:qi1e1:t2:aa1:y1:qe") == .protocolError)
    }

    @Test("K1 a broken query that is long is not answered")
    func k1Long() throws {
        for (padding, isAnswered) in [(1300, true), (1400, false)] {
            let filler = "1:z\(padding):" + String(repeating: "z", count: padding)
            let error = try #require(refusal(query("2:id1:x\(filler)", "ping")))
            #expect((error.answer != nil) == isAnswered)
        }
    }

    @Test("K2 ids of 19 and 21 bytes, short targets and junk for want are answered with 203")
    func k2Lengths() throws {
        #expect(code(query("2:id19:abcdefghij012345678", "ping")) == .protocolError)
        #expect(code(query("2:id21:abcdefghij01234567890", "ping")) == .protocolError)
        #expect(code(query("\(id)6:target19:mnopqrstuvwxyz12345", "find_node")) == .protocolError)
        #expect(code(query("\(id)6:target0:", "get")) == .protocolError)
        for want in ["4:wanti1e", "4:want2:n4", "4:wantli1ee", "4:wantl2:n4lee", "4:wantd1:ai1ee"] {
            #expect(code(query(id + target + want, "find_node")) == .protocolError, "\(want)")
        }
        let others = try Packet(
            query("\(id)\(target)4:wantl0:2:n56:n4n4n42:n6e", "find_node")
        ).message
        #expect(others.wanted == .ipv6 && others.flags == .hasWant)
    }

    @Test func aKeyThatStandsTwiceIsRefused() throws {
        let twice = [
            query(id + id, "ping"), query(id + target + target, "find_node"),
            query("\(id)\(target)9:info_hash20:mnopqrstuvwxyz123456", "get_peers"),
            "d1:ad\(id)e1:ade1:q4:ping1:t2:aa1:y1:qe",
        ]
        for text in twice {
            guard case .keyTwice = try #require(refusal(text)).fault else {
                Issue.record("\(text)")
                continue
            }
        }
        #expect(code(query(id, "ping", end: "1:rd\(id)e1:t2:aa1:y1:q")) == .protocolError)
    }

    @Test("K4 of a list of nodes 16 are taken, and only those that can be sent to")
    func k4Nodes() throws {
        let four = Making.contacts(20, .ipv4)
        var bytes = four.flatMap(\.compactBytes)
        let all = try Packet(response("5:nodes\(bytes.count + 5):", bytes + [1, 2, 3, 4, 5]))
        #expect(all.contacts(.ipv4) == Array(four.prefix(16)))

        let bad = ["192.0.2.1:0", "0.0.0.0:1", "224.0.0.1:1", "255.255.255.255:1", "240.0.0.1:5"]
        let kept = ["192.0.2.7:7", "127.0.0.1:7", "10.0.0.1:7"]
        bytes = (bad + kept).flatMap { text in
            Making.id.bytes + (Endpoint(text)?.compactBytes ?? [])
        }
        let filtered = try Packet(response("5:nodes\(bytes.count):", bytes))
        #expect(filtered.contacts(.ipv4).map(\.endpoint) == kept.compactMap { Endpoint($0) })

        // An IPv4 address in the clothes of the other family belongs to neither.
        let mapped =
            Making.id.bytes + [UInt8](repeating: 0, count: 10) + [255, 255, 192, 0, 2, 1, 1, 1]
        let six = Making.contacts(1, .ipv6)
        bytes = mapped + six.flatMap(\.compactBytes)
        let hidden = try Packet(response("6:nodes6\(bytes.count):", bytes))
        #expect(hidden.contacts(.ipv6) == six)

        let one = try Packet(response("5:nodes25:", [UInt8](repeating: 1, count: 25)))
        #expect(one.contacts(.ipv4).isEmpty)
    }

    @Test("K4 of values only compact addresses that can be dialled are taken")
    func k4Values() throws {
        let good = [Making.asker, Making.asker6]
        var bytes = Array("l0:5:aaaaa7:bbbbbbb".utf8)
        for peer in good {
            bytes += Array("\(peer.compactBytes.count):".utf8) + peer.compactBytes
        }
        bytes += Array("6:".utf8) + Making.asker.with(port: 0).compactBytes + Array("e".utf8)
        #expect(try Packet(response("6:values", bytes)).peers == good)
        #expect(refusal(response("6:values", Array("li1ee".utf8))) != nil)
        #expect(refusal(response("6:values", Array("6:abcdef".utf8))) != nil)

        let many = Array("l".utf8) + (1...178).flatMap { _ in [0x36, 0x3A, 1, 2, 3, 4, 5, 6] }
        #expect(try Packet(response("6:values", many + [0x65])).peers.count == 178)
    }

    @Test("K11 values that are not canonical, too long, or signed by halves are refused")
    func k11Values() throws {
        let (key, signature) = (
            String(repeating: "k", count: 32), String(repeating: "s", count: 64)
        )
        func put(_ value: String, _ more: String = "", salt: String = "") -> String {
            query("\(id)\(more)5:token1:x\(salt)1:v\(value)", "put")
        }
        for value in [
            "d1:bi1e1:ai1ee", "d1:ai1e1:ai1ee", "i01e", "i-0e", "ld1:b0:1:a0:ee",
        ] {
            #expect(code(put(value)) == .protocolError, "\(value)")
        }
        for value in ["i1e", "0:", "le", "de", "d0:le1:ad1:bi-1eee", "996:" + text(996)] {
            let packet = try Packet(put(value))
            #expect(packet.text(packet.message.value) == value)
        }
        #expect(code(put("997:" + text(997))) == .valueTooLong)
        let all = "1:k32:\(key)3:seqi1e3:sig64:\(signature)"
        _ = try Packet(put("i1e", all))
        for half in [
            "1:k32:\(key)", "3:sig64:\(signature)", "1:k32:\(key)3:sig64:\(signature)",
            "1:k31:\(text(31))3:seqi1e3:sig64:\(signature)",
            "1:k32:\(key)3:seqi1e3:sig63:\(text(63))",
            "1:k32:\(key)3:seqi-1e3:sig64:\(signature)",
        ] {
            #expect(code(put("i1e", half)) == .protocolError, "\(half)")
        }
        #expect(code(put("i1e", all, salt: "4:salt65:" + text(65))) == .saltTooLong)
        _ = try Packet(put("i1e", all, salt: "4:salt64:" + text(64)))
        let greatest = all.replacing("seqi1e", with: "seqi9223372036854775807e")
        #expect(try Packet(put("i1e", greatest)).message.sequence == .max)
        let beyond = all.replacing("seqi1e", with: "seqi9223372036854775808e")
        #expect(try #require(refusal(put("i1e", beyond))).answer == nil)
    }

    @Test("K12 samples that are not whole, and numbers out of range, are cut to what they may be")
    func k12Samples() throws {
        let two = Making.id.bytes + Making.other.bytes
        let numbers = "3:numi-5e"
        let odd = try Packet(
            response("8:intervali2147483648e\(numbers)7:samples45:", two + [1, 2, 3, 4, 5]))
        #expect(odd.samples == [Making.id.digest, Making.other.digest])
        #expect(odd.message.sampledCount == 0)
        #expect(odd.message.sampleInterval == .seconds(21_600))
        let negative = try Packet(response("8:intervali-1e7:samples0:", []))
        #expect(negative.message.sampleInterval == .zero && negative.samples.isEmpty)
        let many = try Packet(response("7:samples1420:", [UInt8](repeating: 1, count: 1420)))
        #expect(many.samples.count == 70)
    }

    @Test("K15 packets of no byte and of more than 1,500 are dropped before they are read")
    func k15Lengths() throws {
        #expect(refusal([UInt8]())?.fault == .byteCount(0))
        #expect(refusal([UInt8](repeating: 0x64, count: 65_507))?.fault == .byteCount(65_507))
        let frame = query("\(id)1:z:", "ping").utf8.count
        for (total, isRead) in [(1500, true), (1501, false)] {
            let padding = total - frame - 4
            let packet = query("\(id)1:z\(padding):\(text(padding))", "ping")
            #expect(packet.utf8.count == total)
            #expect((refusal(packet) == nil) == isRead)
        }
    }

    @Test func nestingAndTokensHaveBounds() throws {
        for (depth, isRead) in [(30, true), (31, false)] {
            let nested = String(repeating: "l", count: depth) + String(repeating: "e", count: depth)
            #expect((refusal(query("\(id)1:z\(nested)", "ping")) == nil) == isRead, "\(depth)")
        }
        for (count, isRead) in [(1000, true), (1200, false)] {
            let packet = query("\(id)1:zl\(String(repeating: "le", count: count / 2))e", "ping")
            #expect((refusal(packet) == nil) == isRead, "\(count)")
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func mutationsNeverReachATrap(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var buffer = DatagramBuffer()
        let peers = Making.contacts(8, .ipv4).map(\.endpoint)
        let signed = try #require(TestItems.signed)
        let whole = buffer.appendItem(
            signed, token: WriteToken(rawValue: 1), nodes: Making.contacts(8, .ipv4),
            Making.contacts(8, .ipv6), families: [.ipv4, .ipv6], Making.transaction,
            to: Making.asker, from: Making.sender)
        let values = buffer.appendPeers(
            peers, token: WriteToken(rawValue: 1), filters: ScrapeFilters(),
            nodes: Making.contacts(8, .ipv4), Making.contacts(8, .ipv6),
            families: .ipv4, Making.transaction, to: Making.asker, from: Making.sender)
        var readCount = 0
        for range in [whole, values] {
            let original = buffer.bytes(of: try #require(range))
            for _ in 0..<2000 {
                var bytes = original
                for _ in 0...Int.random(in: 0...3, using: &generator) {
                    let position = Int.random(in: bytes.indices, using: &generator)
                    switch UInt8.random(in: 0...3, using: &generator) {
                    case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
                    case 1: bytes[position] ^= 1 << UInt8.random(in: 0...7, using: &generator)
                    case 2: bytes.removeSubrange(position...)
                    default: bytes.insert(UInt8(ascii: "e"), at: position)
                    }
                    if bytes.isEmpty { bytes = original }
                }
                guard let packet = try? Packet(bytes) else { continue }
                readCount += 1
                #expect(packet.contacts(.ipv4).count <= 16, "seed \(seed)")
                #expect(packet.contacts(.ipv6).count <= 16, "seed \(seed)")
                #expect(packet.peers.count <= 8, "seed \(seed)")
                _ = (packet.item, packet.samples)
            }
        }
        #expect(readCount > 0, "seed \(seed)")
    }

    private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    private func response(_ key: String, _ bytes: [UInt8]) -> [UInt8] {
        Array("d1:rd\(id)\(key)".utf8) + bytes + Array("e1:t2:aa1:y1:re".utf8)
    }
}

extension String {
    fileprivate func replacing(_ part: String, with other: String) -> String {
        let text = Array(utf8)
        let pattern = Array(part.utf8)
        for start in text.indices where text[start...].starts(with: pattern) {
            return String(
                decoding: text[..<start] + Array(other.utf8) + text[(start + pattern.count)...],
                as: UTF8.self)
        }
        return self
    }
}
