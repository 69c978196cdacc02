import Kademlia
import Testing
import Units

@Suite struct KRPCQueryTests {
    private let token = Array("aoeusnth".utf8)

    /// The example packets of BEP 5.
    @Test func writesTheExamplesOfBEP5() throws {
        let (id, target) = (Making.sender, Making.other)
        let aa = try #require(Making.transactionID("aa"))
        let ping = try written { $0.appendPing(aa, from: id) }
        #expect(
            String(decoding: ping, as: UTF8.self)
                == "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe")
        let findNode = try written { $0.appendFindNode(target, aa, from: id) }
        #expect(
            String(decoding: findNode, as: UTF8.self)
                == "d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e"
                + "1:q9:find_node1:t2:aa1:y1:qe")
        let getPeers = try written { $0.appendGetPeers(target, aa, from: id) }
        #expect(
            String(decoding: getPeers, as: UTF8.self)
                == "d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e"
                + "1:q9:get_peers1:t2:aa1:y1:qe")
        let announce = try written { buffer in
            token.withUnsafeBytes {
                buffer.appendAnnouncePeer(
                    target, port: 6881, isImpliedPort: true, token: $0, aa, from: id)
            }
        }
        #expect(
            String(decoding: announce, as: UTF8.self)
                == "d1:ad2:id20:abcdefghij012345678912:implied_porti1e"
                + "9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe"
                + "1:q13:announce_peer1:t2:aa1:y1:qe")
    }

    @Test func readsTheExamplesOfBEP5() throws {
        let ping = try Packet("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe").message
        #expect(ping.kind == .query(.ping))
        #expect(ping.id == Making.id && ping.transactionID == Making.transactionID("aa"))
        let announce = try Packet(
            "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz123456"
                + "4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe")
        #expect(announce.message.kind == .query(.announcePeer))
        #expect(announce.message.target == Making.other)
        #expect(announce.message.port == 6881)
        #expect(announce.message.flags == .impliedPort)
        #expect(announce.bytes(announce.message.token) == token)
        let values = try Packet(
            "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee"
                + "1:t2:aa1:y1:re")
        #expect(values.message.kind == .response)
        #expect(
            values.peers.map(\.compactBytes) == [Array("axje.u".utf8), Array("idhtnm".utf8)])
        let error = try Packet("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee")
        #expect(error.message.kind == .error(code: 201))
        #expect(error.text(error.message.errorText) == "A Generic Error Ocurred")
    }

    @Test func everyArgumentComesBack() throws {
        let sender = KRPCSender(id: Making.id, version: 0x5357_0001, isReadOnly: true)
        let want: AddressFamilies = [.ipv4, .ipv6]
        let getPeers = try Packet(
            written {
                $0.appendGetPeers(
                    Making.other, want: want, noSeed: true, scrape: true, Making.transaction,
                    from: sender)
            }
        ).message
        #expect(getPeers.kind == .query(.getPeers))
        #expect(getPeers.flags == [.noSeed, .scrape, .readOnly, .hasWant])
        #expect(getPeers.wanted == want)
        #expect(getPeers.version == 0x5357_0001)
        #expect(getPeers.transactionID.number == 0x6161_6262)
        let announce = try Packet(
            written { buffer in
                token.withUnsafeBytes {
                    buffer.appendAnnouncePeer(
                        Making.other, port: 1, isSeed: true, token: $0, Making.transaction,
                        from: sender)
                }
            }
        ).message
        #expect(announce.flags == [.seed, .readOnly] && announce.port == 1)
        let get = try Packet(
            written {
                $0.appendGet(
                    Making.other, newerThan: .max, want: .ipv6, Making.transaction, from: sender)
            }
        ).message
        #expect(get.kind == .query(.get) && get.sequence == .max && get.wanted == .ipv6)
        let sample = try Packet(
            written {
                $0.appendSampleInfohashes(
                    Making.other, want: .ipv4, Making.transaction, from: sender)
            }
        ).message
        #expect(sample.kind == .query(.sampleInfohashes) && sample.wanted == .ipv4)
        #expect(sample.target == Making.other)
    }

    @Test func aReadOnlyNodeSaysSoAsBEP43Does() throws {
        let sender = KRPCSender(id: Making.id, isReadOnly: true)
        let ping = try written { $0.appendPing(Making.transaction, from: sender) }
        #expect(String(decoding: ping, as: UTF8.self).contains("1:q4:ping2:roi1e1:t"))
        #expect(try Packet(ping).message.flags.contains(.readOnly))
    }

    @Test func anUnknownQueryWithATargetIsOne() throws {
        for key in ["6:target", "9:info_hash"] {
            let vote = try Packet(
                "d1:ad2:id20:abcdefghij0123456789\(key)20:mnopqrstuvwxyz1234565:voterli1eee"
                    + "1:q4:vote1:t2:aa1:y1:qe"
            ).message
            #expect(vote.kind == .query(.unknown))
            #expect(vote.target == Making.other)
        }
    }

    @Test func keysMayStandInAnyOrderAndBeUnknown() throws {
        let packet = try Packet(
            "d1:y1:q2:zzd1:ali1e1:xee1:t4:abcd1:q9:find_node1:ad1:xi-1e6:target"
                + "20:mnopqrstuvwxyz1234562:id20:abcdefghij0123456789ee")
        #expect(packet.message.kind == .query(.findNode))
        #expect(packet.message.target == Making.other && packet.message.id == Making.id)
    }

    @Test func itemsAreWrittenAndReadAsTheyAre() throws {
        let signed = try #require(TestItems.signed)
        let put = try Packet(
            written { buffer in
                token.withUnsafeBytes {
                    buffer.appendPut(
                        signed, salt: Array("foobar".utf8), expecting: 3, token: $0,
                        Making.transaction, from: Making.sender)
                }
            })
        #expect(put.message.kind == .query(.put))
        #expect(put.item == signed)
        #expect(put.message.expectedSequence == 3)
        #expect(put.text(put.message.salt) == "foobar")
        let immutable = DHTItem(value: Array("li1ee".utf8))
        let plain = try Packet(
            written { buffer in
                token.withUnsafeBytes {
                    buffer.appendPut(
                        immutable, expecting: 3, token: $0, Making.transaction,
                        from: Making.sender)
                }
            })
        #expect(plain.item == immutable)
        #expect(plain.message.expectedSequence == nil)
    }

    @Test func whatIsTooLongForAPacketIsNotWritten() {
        var buffer = DatagramBuffer()
        let first = buffer.appendPing(Making.transaction, from: Making.sender)
        let long = [UInt8](repeating: 0, count: 1400)
        let range = long.withUnsafeBytes {
            buffer.appendAnnouncePeer(
                Making.other, port: 1, token: $0, Making.transaction, from: Making.sender)
        }
        #expect(range == nil)
        #expect(buffer.count == first?.upperBound)
    }

    @Test func packetsStandOneAfterTheOther() throws {
        var buffer = DatagramBuffer()
        var ranges: [Range<Int>] = []
        for number in 0..<200 {
            let transaction = TransactionID(UInt32(number))
            let range = buffer.appendPing(transaction, from: Making.sender)
            ranges.append(try #require(range))
        }
        for (number, range) in ranges.enumerated() {
            let message = try Packet(buffer.bytes(of: range)).message
            #expect(message.transactionID.number == UInt32(number))
        }
        buffer.removeAll()
        #expect(buffer.bytes(of: 0..<10) == [])
        #expect(buffer.appendPing(Making.transaction, from: Making.sender)?.lowerBound == 0)
    }

    @Test func transactionsAreOneTo24Bytes() throws {
        for count in 1...24 {
            let bytes = (0..<count).map { UInt8($0) }
            let id = try #require(bytes.withUnsafeBytes { TransactionID(bytes: $0) })
            #expect(id.bytes == bytes)
            let pong = try Packet(
                written { $0.appendPong(id, to: Making.asker, from: Making.sender) }
            ).message
            #expect(pong.transactionID == id)
        }
        #expect([].withUnsafeBytes { TransactionID(bytes: $0) } == nil)
        #expect(
            [UInt8](repeating: 0, count: 25).withUnsafeBytes { TransactionID(bytes: $0) } == nil)
        #expect(TransactionID(0x0102_0304).bytes == [1, 2, 3, 4])
        #expect(Making.transactionID("aa")?.number == nil)
    }
}
