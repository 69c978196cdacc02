import Hashing
import Kademlia
import Testing
import Units

@Suite struct ItemTests {
    private static let hello = Array("12:Hello World!".utf8)
    private static let key = "77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"

    /// BEP 44, "Test Vectors", 1 and 2.
    @Test(arguments: [
        (
            "", "4a533d47ec9c7d95b1ad75f576cffc641853b750",
            "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
                + "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
        ),
        (
            "foobar", "411eba73b6f087ca51a3795d9c8c938d365e32c1",
            "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
                + "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
        ),
    ])
    func mutableVectorsOfBEP44(saltText: String, target: String, signature: String) throws {
        let salt = Array(saltText.utf8)
        let signed = DHTItem.Signed(
            key: try #require(Ed25519PublicKey(hex: Self.key)), sequence: 1,
            signature: try #require(Ed25519Signature(hex: signature)))
        let item = DHTItem(value: Self.hello, signed: signed)
        let at = try #require(NodeID(hex: target))
        #expect(item.target(salt: salt) == at)
        #expect(DHTItem.target(key: signed.key, salt: salt) == at)
        #expect(item.isValid(at: at, salt: salt))
        #expect(!item.isValid(at: at, salt: salt + [1]))
        #expect(!item.isValid(at: .zero, salt: salt))

        var other = signed
        other.sequence = 2
        #expect(!DHTItem(value: Self.hello, signed: other).isValid(at: at, salt: salt))
        #expect(!DHTItem(value: Array("i1e".utf8), signed: signed).isValid(at: at, salt: salt))
        #expect(!item.isSignatureValid(salt: Array("f".utf8)))
    }

    /// BEP 44, "Test Vectors", 3.
    @Test func immutableVectorOfBEP44() throws {
        let item = DHTItem(value: Self.hello)
        let target = try #require(NodeID(hex: "e5f96f6f38320f0f33959cb4d3d656452117aadb"))
        #expect(item.target() == target)
        #expect(item.isValid(at: target))
        #expect(!DHTItem(value: Array("12:Hello World?".utf8)).isValid(at: target))
    }

    /// BEP 46, "Test Vectors".
    @Test(arguments: [
        ("", "cc3f9d90b572172053626f9980ce261a850d050b"),
        ("6e", "59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f"),
    ])
    func vectorsOfBEP46(salt: String, target: String) throws {
        let key = try #require(
            Ed25519PublicKey(
                hex: "8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e"))
        let salt = try #require(bytes(fromHex: salt))
        #expect(DHTItem.target(key: key, salt: salt).description == target)
    }

    @Test func whatIsSignedHereIsValid() throws {
        let signed = try #require(TestItems.signed)
        let salt = Array("foobar".utf8)
        #expect(signed.isValid(at: signed.target(salt: salt), salt: salt))
        #expect(!signed.isValid(at: signed.target(), salt: []))
    }

    @Test func onlyWhatMayBeStoredIsSigned() throws {
        guard let key = Ed25519PrivateKey(seed: [UInt8](repeating: 1, count: 32)) else {
            Issue.record("no key")
            return
        }
        let value = Array("le".utf8)
        let salt = [UInt8](repeating: 1, count: 65)
        let refused: [DHTItem?] = [
            DHTItem(value: value, sequence: -1, signingWith: key),
            DHTItem(value: value, sequence: 1, salt: salt, signingWith: key),
            DHTItem(value: Array("i01e".utf8), sequence: 1, signingWith: key),
            DHTItem(value: Array("lel".utf8), sequence: 1, signingWith: key),
            DHTItem(value: [], sequence: 1, signingWith: key),
        ]
        #expect(refused.allSatisfy { $0 == nil })
        let longest = DHTItem(
            value: value, sequence: .max, salt: Array(salt.dropLast()), signingWith: key)
        #expect(longest?.isSignatureValid(salt: Array(salt.dropLast())) == true)
    }

    /// BEP 46, "Publishing content".
    @Test func aFeedNamesATorrent() throws {
        let hash = SHA1Digest.hash([1])
        let value = DHTItem.feedValue(naming: hash)
        #expect(value == Array("d2:ih20:".utf8) + hash.bytes + Array("e".utf8))
        #expect(DHTItem(value: value).feedInfoHash == hash)
        let more = Array("d1:ai1e2:ih20:".utf8) + hash.bytes + Array("1:zlee".utf8)
        #expect(DHTItem(value: more).feedInfoHash == hash)
        for text in ["de", "d2:ih19:aaaaaaaaaaaaaaaaaaae", "d2:ihi1ee", "i1e", "4:spam"] {
            #expect(DHTItem(value: Array(text.utf8)).feedInfoHash == nil)
        }
    }
}

@Suite struct ItemStoreTests {
    private let source = Making.asker
    private let now = Instant.zero + .minutes(60)

    private func code(_ body: () throws -> Void) -> KRPCErrorCode? {
        do {
            try body()
            return nil
        } catch {
            return error as? KRPCErrorCode
        }
    }

    private func item(_ text: String, sequence: Int64, salt: [UInt8] = []) -> DHTItem? {
        guard let key = Ed25519PrivateKey(seed: [UInt8](repeating: 9, count: 32)) else {
            return nil
        }
        return DHTItem(value: Array(text.utf8), sequence: sequence, salt: salt, signingWith: key)
    }

    @Test func keepsAnItemForTwoHoursAfterItsLastPut() throws {
        var store = ItemStore()
        let item = DHTItem(value: Array("i1e".utf8))
        try store.put(item, from: source, now: now)
        #expect(store.item(at: item.target(), now: now + .minutes(119)) == item)
        try store.put(item, from: source, now: now + .minutes(60))
        #expect(store.item(at: item.target(), now: now + .minutes(179)) == item)
        #expect(store.item(at: item.target(), now: now + .minutes(180)) == nil)
        store.expire(now: now + .minutes(179))
        #expect(store.count == 1)
        store.expire(now: now + .minutes(180))
        #expect(store.count == 0)
    }

    @Test("K11 a mutable item only goes forward, and only with the right cas")
    func k11Sequence() throws {
        var store = ItemStore()
        let first = try #require(item("i1e", sequence: 5))
        let target = first.target()
        // There is nothing to compare with yet (BEP 44, "CAS").
        try store.put(first, expecting: 3, from: source, now: now)
        let older = try #require(item("i2e", sequence: 4))
        let equal = try #require(item("i2e", sequence: 5))
        let newer = try #require(item("i2e", sequence: 6))
        #expect(code { try store.put(older, from: source, now: now) } == .sequenceTooLow)
        #expect(code { try store.put(equal, from: source, now: now) } == .sequenceTooLow)
        #expect(
            code { try store.put(newer, expecting: 4, from: source, now: now) }
                == .expectedOtherSequence)
        #expect(store.item(at: target, now: now) == first)
        try store.put(newer, expecting: 5, from: source, now: now)
        #expect(store.item(at: target, now: now) == newer)
        // The same again only keeps it.
        try store.put(newer, from: source, now: now + .minutes(60))
        #expect(store.item(at: target, now: now + .minutes(179)) == newer)
        #expect(
            code { try store.put(newer, expecting: 5, from: source, now: now) }
                == .expectedOtherSequence)
        let last = try #require(item("i3e", sequence: .max))
        try store.put(last, from: source, now: now)
        #expect(code { try store.put(newer, from: source, now: now) } == .sequenceTooLow)
        #expect(store.item(at: target, now: now) == last)
    }

    @Test("K11 values, salts and signatures that are not right get 205, 207, 203 and 206")
    func k11Errors() throws {
        var store = ItemStore()
        let long = DHTItem(value: Array("997:".utf8) + [UInt8](repeating: 1, count: 997))
        #expect(code { try store.put(long, from: source, now: now) } == .valueTooLong)
        let signed = try #require(item("i1e", sequence: 1))
        let salt = [UInt8](repeating: 1, count: 65)
        #expect(code { try store.put(signed, salt: salt, from: source, now: now) } == .saltTooLong)
        #expect(
            code { try store.put(signed, salt: [1], from: source, now: now) } == .signatureInvalid)
        let broken = DHTItem(value: Array("i01e".utf8))
        #expect(code { try store.put(broken, from: source, now: now) } == .protocolError)
        var negative = try #require(signed.signed)
        negative.sequence = -1
        let below = DHTItem(value: signed.value, signed: negative)
        #expect(code { try store.put(below, from: source, now: now) } == .protocolError)
        #expect(store.count == 0)
    }

    @Test("K11 so many signatures are verified a second, and no more")
    func k11Budget() throws {
        var store = ItemStore()
        let signed = try #require(item("i1e", sequence: 1))
        var codes: [KRPCErrorCode?] = []
        for number in 0..<220 {
            let salt = [UInt8(number)]
            codes.append(code { try store.put(signed, salt: salt, from: source, now: now) })
        }
        #expect(codes.count { $0 == .signatureInvalid } == 200)
        #expect(codes.count { $0 == .server } == 20)
        try store.put(signed, from: source, now: now + .seconds(1))
    }

    @Test("K11 a source stores 400 items, and all together 4,000, of which the oldest go")
    func k11Quota() throws {
        var store = ItemStore()
        for number in 0..<400 {
            let item = DHTItem(value: Array("i\(number)e".utf8))
            try store.put(item, from: source.with(port: UInt16(number)), now: now)
        }
        let another = DHTItem(value: Array("i-1e".utf8))
        #expect(code { try store.put(another, from: source, now: now) } == .server)
        try store.put(another, from: Making.asker6, now: now)
        for number in 0..<4000 {
            let item = DHTItem(value: Array("i1\(number)e".utf8))
            let source = Endpoint(ipv4: 0xC000_0200 + UInt32(number % 50), port: 1)
            _ = code { try store.put(item, from: source, now: now + .seconds(1)) }
        }
        #expect(store.count == 4000)
        #expect(store.item(at: DHTItem(value: Array("i0e".utf8)).target(), now: now) == nil)
        // What was pushed out is not charged for any more.
        try store.put(DHTItem(value: Array("i-2e".utf8)), from: source, now: now + .seconds(2))
    }
}
