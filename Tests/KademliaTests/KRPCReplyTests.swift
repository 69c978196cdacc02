import Bencode
import Hashing
import Kademlia
import Testing
import Units

@Suite struct KRPCReplyTests {
    private let t = Making.transaction
    private let sender = KRPCSender(id: Making.id, version: 0x5357_0001)

    @Test func aPongTellsTheAskerItsAddressAsBEP42Does() throws {
        let bytes = try written { $0.appendPong(t, to: Making.asker, from: Making.sender) }
        let ip = Making.asker.compactBytes
        let expected =
            Array("d2:ip6:".utf8) + ip
            + Array("1:rd2:id20:abcdefghij0123456789e1:t4:aabb1:y1:re".utf8)
        #expect(bytes == expected)
        #expect(try Packet(bytes).message.externalAddress == Making.asker)
        let six = try written { $0.appendPong(t, to: Making.asker6, from: sender) }
        #expect(try Packet(six).message.externalAddress == Making.asker6)
        #expect(try Packet(six).message.version == 0x5357_0001)
    }

    @Test func anAddressWithoutItsPortIsTakenToo() throws {
        let message = try Packet(
            Array("d2:ip4:".utf8) + [203, 0, 113, 5]
                + Array("1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re".utf8)
        ).message
        #expect(message.externalAddress == Making.asker.with(port: 0))
    }

    @Test(arguments: [[.ipv4], [.ipv6], [.ipv4, .ipv6]] as [AddressFamilies])
    func answersWithTheNodesThatAreWanted(families: AddressFamilies) throws {
        let (four, six) = (Making.contacts(8, .ipv4), Making.contacts(8, .ipv6))
        let packet = try Packet(
            written {
                $0.appendNodes(
                    four, six, families: families, t, to: Making.asker, from: sender)
            })
        #expect(packet.message.kind == .response)
        #expect(packet.contacts(.ipv4) == (families.contains(.ipv4) ? four : []))
        #expect(packet.contacts(.ipv6) == (families.contains(.ipv6) ? six : []))
        #expect((packet.message.nodes != nil) == families.contains(.ipv4))
        #expect((packet.message.nodes6 != nil) == families.contains(.ipv6))
    }

    @Test func anEmptyListOfNodesIsThereToo() throws {
        let packet = try Packet(
            written {
                $0.appendNodes(
                    [], [], families: .ipv4, t,
                    to: Making.asker, from: sender)
            })
        #expect(packet.message.nodes?.count == 0)
    }

    @Test func answersWithPeersFiltersAndAToken() throws {
        var filters = ScrapeFilters()
        filters.seeds.insert(Making.asker)
        filters.peers.insert(Making.asker6)
        let peers = (1...5).map { Endpoint(ipv4: 0xC000_0200 + $0, port: 6881) }
        let nodes = Making.contacts(8, .ipv4)
        let bytes = try written {
            $0.appendPeers(
                peers, token: WriteToken(rawValue: 0x0102_0304_0506_0708), filters: filters,
                nodes: nodes, [], families: .ipv4, t, to: Making.asker,
                from: sender)
        }
        let packet = try Packet(bytes)
        #expect(packet.peers == peers)
        #expect(packet.bytes(packet.message.token) == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(bytes.withUnsafeBytes { packet.message.filters(in: $0) } == filters)
        #expect(packet.contacts(.ipv4) == nodes)
    }

    @Test func answersThatAreFullKeepWithinTheirBytes() throws {
        let four = (1...300).map { Endpoint(ipv4: 0xC000_0200 + $0, port: 6881) }
        let six = (1...300).map { Endpoint(ipv6High: 0x2001_0DB8 << 32, low: $0, port: 6881) }
        let longest = try #require(Making.transactionID("abcdefghijklmnopqrstuvwx"))
        for peers in [four, six] {
            let nodes = Making.contacts(8, .ipv4)
            let bytes = try written {
                $0.appendPeers(
                    peers, token: WriteToken(rawValue: 1), nodes: nodes,
                    Making.contacts(8, .ipv6), families: [.ipv4, .ipv6], longest,
                    to: Making.asker6, from: sender)
            }
            #expect(bytes.count <= 1024 && bytes.count > 950)
            let read = try Packet(bytes).peers
            #expect(read == Array(peers.prefix(read.count)) && !read.isEmpty)
        }
    }

    @Test(arguments: Array(stride(from: 60, through: 1400, by: 20)) + [61, 149, 151, 1023, 1025])
    func noAnswerIsLongerThanItMay(byteCountMax: Int) throws {
        let four = Making.contacts(16, .ipv4)
        let six = Making.contacts(16, .ipv6)
        let peers = four.map(\.endpoint)
        let hashes = four.map(\.id.digest)
        let item = DHTItem(value: Array("300:".utf8) + [UInt8](repeating: 1, count: 300))
        var buffer = DatagramBuffer()
        let ranges = [
            buffer.appendPong(t, to: Making.asker, from: sender, byteCountMax: byteCountMax),
            buffer.appendNodes(
                four, six, families: [.ipv4, .ipv6], t, to: Making.asker, from: sender,
                byteCountMax: byteCountMax),
            buffer.appendPeers(
                peers, token: WriteToken(rawValue: 1), nodes: four, six,
                families: [.ipv4, .ipv6], t, to: Making.asker, from: sender,
                byteCountMax: byteCountMax),
            buffer.appendItem(
                item, token: WriteToken(rawValue: 1), nodes: four, six,
                families: [.ipv4, .ipv6], t, to: Making.asker, from: sender,
                byteCountMax: byteCountMax),
            buffer.appendSamples(
                hashes, interval: .seconds(5), storedCount: 16, nodes: four, six,
                families: [.ipv4, .ipv6], t, to: Making.asker, from: sender,
                byteCountMax: byteCountMax),
            buffer.appendError(
                .generic, t, to: Making.asker, from: sender, byteCountMax: byteCountMax),
        ]
        for case let range? in ranges {
            #expect(range.count <= byteCountMax)
            _ = try Packet(buffer.bytes(of: range))
        }
        // Lists give way, so it is written as soon as there is room for the rest.
        #expect(ranges[1] != nil || byteCountMax < 150)
        #expect(ranges[2] != nil || byteCountMax < 180)
        #expect(ranges[3] != nil || byteCountMax < 480)
    }

    @Test func answersWithAnItemAndItsNumberOnlyIfThatIsAllThatIsNew() throws {
        let signed = try #require(TestItems.signed)
        for isNumberOnly in [false, true] {
            let packet = try Packet(
                written {
                    $0.appendItem(
                        signed, isNumberOnly: isNumberOnly, token: WriteToken(rawValue: 9),
                        nodes: Making.contacts(8, .ipv4), Making.contacts(8, .ipv6),
                        families: [.ipv4, .ipv6], t, to: Making.asker, from: sender)
                })
            #expect(packet.item == (isNumberOnly ? nil : signed))
            #expect(packet.message.sequence == signed.signed?.sequence)
            #expect(packet.contacts(.ipv4).count == 8)
            #expect((packet.message.key == nil) == isNumberOnly)
        }
    }

    @Test func theLongestItemLeavesRoomForSomeNodes() throws {
        let longest = try #require(TestItems.longest)
        let packet = try Packet(
            written {
                $0.appendItem(
                    longest, token: WriteToken(rawValue: 9),
                    nodes: Making.contacts(8, .ipv4), Making.contacts(8, .ipv6),
                    families: .ipv4, t, to: Making.asker, from: sender)
            })
        #expect(packet.bytes.count <= 1400)
        #expect(packet.item == longest)
        #expect(packet.contacts(.ipv4).count >= 3)
    }

    @Test func answersWithSamplesAsBEP51Does() throws {
        let hashes = (1...40).map { SHA1Digest.hash([$0]) }
        let packet = try Packet(
            written {
                $0.appendSamples(
                    hashes, interval: .seconds(90), storedCount: 1234,
                    nodes: Making.contacts(8, .ipv4), [], families: .ipv4,
                    t, to: Making.asker, from: sender)
            })
        #expect(packet.bytes.count <= 1024)
        #expect(packet.samples.count > 20)
        #expect(packet.samples == Array(hashes.prefix(packet.samples.count)))
        #expect(packet.message.sampleInterval == .seconds(90))
        #expect(packet.message.sampledCount == 1234)
        let none = try Packet(
            written {
                $0.appendSamples(
                    [], interval: .seconds(90_000), storedCount: 0,
                    nodes: [], [], families: .ipv4, t,
                    to: Making.asker, from: sender)
            })
        #expect(none.message.samples?.count == 0)
        #expect(none.message.sampleInterval == .seconds(21_600))
    }

    @Test(arguments: KRPCErrorCode.allCases) func errorsComeBack(code: KRPCErrorCode) throws {
        let packet = try Packet(
            written { $0.appendError(code, t, to: Making.asker, from: sender) })
        #expect(packet.message.kind == .error(code: code.rawValue))
        #expect(packet.text(packet.message.errorText)?.isEmpty == false)
    }

    @Test func whatIsWrittenIsCanonical() throws {
        var filters = ScrapeFilters()
        filters.seeds.insert(Making.asker)
        let (four, six) = (Making.contacts(4, .ipv4), Making.contacts(4, .ipv6))
        let signed = try #require(TestItems.signed)
        let token = WriteToken(rawValue: 1)
        let both: AddressFamilies = [.ipv4, .ipv6]
        var buffer = DatagramBuffer()
        let readOnly = KRPCSender(id: Making.id, version: 1, isReadOnly: true)
        let bytes = [UInt8](repeating: 1, count: 8)
        let ranges = [
            buffer.appendPong(t, to: Making.asker, from: sender),
            buffer.appendNodes(
                four, six, families: both, t, to: Making.asker, from: sender),
            buffer.appendPeers(
                four.map(\.endpoint), token: token, filters: filters, nodes: four,
                six, families: both, t, to: Making.asker, from: sender),
            buffer.appendItem(
                signed, token: token, nodes: four, six, families: both, t,
                to: Making.asker, from: sender),
            buffer.appendSamples(
                four.map(\.id.digest), interval: .seconds(1), storedCount: 4,
                nodes: four, six, families: both, t, to: Making.asker, from: sender),
            buffer.appendError(.generic, t, to: Making.asker, from: sender),
            buffer.appendGetPeers(
                Making.other, want: both, noSeed: true, scrape: true, t, from: readOnly),
            bytes.withUnsafeBytes {
                buffer.appendAnnouncePeer(
                    Making.other, port: 1, isImpliedPort: true, isSeed: true, token: $0, t,
                    from: readOnly)
            },
            buffer.appendGet(Making.other, newerThan: 1, want: both, t, from: readOnly),
            bytes.withUnsafeBytes {
                buffer.appendPut(signed, salt: [1], expecting: 1, token: $0, t, from: readOnly)
            },
            buffer.appendSampleInfohashes(Making.other, want: both, t, from: readOnly),
            buffer.appendFindNode(Making.other, want: both, t, from: readOnly),
        ]
        for range in ranges {
            let bytes = buffer.bytes(of: try #require(range))
            let document = try BencodeDocument(bytes, .strict)
            #expect(Bencode(document.root).encoded() == bytes)
        }
    }
}

/// Items to store.
enum TestItems {
    /// 999 bytes and the highest number.
    static let longest: DHTItem? = {
        guard let key = Ed25519PrivateKey(seed: (0..<32).map { UInt8($0) }) else { return nil }
        let value = Array("995:".utf8) + [UInt8](repeating: 1, count: 995)
        return DHTItem(value: value, sequence: .max, signingWith: key)
    }()

    /// Salted with `foobar`, number 4.
    static let signed: DHTItem? = {
        guard let key = Ed25519PrivateKey(seed: (0..<32).map { UInt8($0) }) else { return nil }
        return DHTItem(
            value: Array("d1:ai1e1:bl2:ccee".utf8), sequence: 4, salt: Array("foobar".utf8),
            signingWith: key)
    }()
}
