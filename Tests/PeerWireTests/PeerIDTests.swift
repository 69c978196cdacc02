import PeerWire
import Testing
import Units

@Suite struct PeerIDTests {
    @Test(arguments: [
        ("-qB4520-abcdefghijkl", "qBittorrent 4.5.2"),
        ("-TR2940-abcdefghijkl", "Transmission 2.94"),
        ("-TR4050-abcdefghijkl", "Transmission 4.0.5"),
        ("-lt0D80-abcdefghijkl", "rTorrent 0.13.8"),
        ("-UT355W-abcdefghijkl", "uTorrent 3.5.5"),
        ("-DE211s-abcdefghijkl", "Deluge 2.1.1"),
        ("-LT20A1-abcdefghijkl", "libtorrent 2.0.10.1"),
        ("-SW0100-abcdefghijkl", "swarm 0.1.0"),
        ("-zz1230-abcdefghijkl", "zz 1.2.3"),
        ("M7-10-2--abcdefghijk", "BitTorrent 7.10.2"),
        ("Q1-10-0-abcdefghijkl", "Queen Bee 1.10.0"),
        ("S58B-----abcdefghijk", "Shadow 5.8.11"),
        ("T03I-----abcdefghijk", "BitTornado 0.3.18"),
        ("XBT054d-abcdefghijkl", "XBT"),
        ("-ML2.7.2-kgjjfkdabcd", "MLDonkey"),
        ("-BOWA0C-abcdefghijkl", "Bits on Wheels"),
        ("AZ2500BTabcdefghijkl", "BitTyrant"),
        ("-FG0180abcdefghijklm", "FlashGet"),
        ("346------abcdefghijk", "TorrenTopia"),
        ("abcdefghijklmnopqrst", "unknown (abcdefgh)"),
    ])
    func clientsAreKnownByTheirIDs(_ text: String, _ name: String) {
        #expect(id(text).clientName == name)
    }

    @Test func namesAreKnownFromBytesThatAreNotText() {
        #expect(
            PeerID(bytes: [0, 3, 66, 83] + [UInt8](repeating: 0, count: 16))?.clientName
                == "BitSpirit")
        #expect(
            PeerID(bytes: [0, 8, 82, 83] + [UInt8](repeating: 9, count: 16))?.clientName
                == "Rufus")
        #expect(PeerID(bytes: [UInt8](repeating: 0, count: 20))?.clientName == "unknown")
    }

    @Test func namesAreAlwaysPrintable() {
        var generator = SeededGenerator(seed: 20)
        for round in 0..<3_000 {
            var bytes = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            if round % 2 == 0 { bytes[0] = UInt8(ascii: "-") }
            guard let id = PeerID(bytes: bytes) else {
                Issue.record("20 bytes are a peer id")
                return
            }
            #expect(id.clientName.utf8.allSatisfy { (32...126).contains($0) }, "\(bytes)")
            #expect(id.description.utf8.allSatisfy { (33...126).contains($0) }, "\(bytes)")
            #expect(id.bytes == bytes)
        }
    }

    @Test func onlyTwentyBytesAreAnID() {
        #expect(PeerID(bytes: [UInt8](repeating: 1, count: 19)) == nil)
        #expect(PeerID(bytes: [UInt8](repeating: 1, count: 21)) == nil)
    }

    @Test func newIDsBeginWithThePrefixAndDiffer() {
        var generator = SeededGenerator(seed: 1)
        let first = PeerID.make(using: &generator)
        let second = PeerID.make(using: &generator)
        #expect(first.bytes.starts(with: "-SW0100-".utf8))
        #expect(first.clientName == "swarm 0.1.0")
        #expect(first != second)
        let long = PeerID.make(prefix: "-SW0100-and far too much", using: &generator)
        #expect(long.bytes.elementsEqual("-SW0100-and far too ".utf8))
    }
}
