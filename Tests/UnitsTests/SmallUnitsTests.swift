import Testing
import Units

@Suite struct SmallUnitsTests {
    @Test func hexadecimalRoundTripsInEitherCase() {
        let all = (0...255).map { UInt8($0) }
        #expect(bytes(fromHex: hexText(all)) == all)
        #expect(bytes(fromHex: hexText(all).uppercased()) == all)
        #expect(hexText([0x00, 0xAF, 0x10]) == "00af10")
        #expect(hexText([]) == "")
        #expect(bytes(fromHex: "") == [])
        #expect(bytes(fromHex: "abcdef"[...].dropFirst(2)) == [0xCD, 0xEF])
    }

    @Test(arguments: ["a", "0g", "abc", " a", "0x", "é", "a\u{0}", "ａa", "-1", "+1"])
    func refusesWhatIsNotHexadecimal(text: String) {
        #expect(bytes(fromHex: text) == nil)
    }

    @Test func rangesOfBytesHaveNoNegativesAndNoOverflow() {
        #expect(ByteRange(begin: 0, length: 0)?.isEmpty == true)
        #expect(ByteRange(begin: 5, length: 7) == ByteRange(5..<12))
        #expect(ByteRange(begin: 5, length: 7)?.length == 7)
        #expect(ByteRange(begin: 0, length: .max)?.length == .max)
        #expect(ByteRange(begin: 1, length: .max) == nil)
        #expect(ByteRange(begin: .max, length: 1) == nil)
        #expect(ByteRange(begin: -1, length: 1) == nil)
        #expect(ByteRange(begin: 1, length: -1) == nil)
        #expect(ByteRange(begin: .min, length: .min) == nil)
    }

    @Test func chanceRepeatsWithItsSeed() {
        // The first numbers of SplitMix64 from 0, as in its author's C program.
        var known = SeededGenerator(seed: 0)
        #expect(known.next() == 0xE220_A839_7B1D_CDAF)
        #expect(known.next() == 0x6E78_9E6A_A1B9_65F4)
        var a = SeededGenerator(seed: 7)
        var b = SeededGenerator(seed: 7)
        var fork = a.fork()
        var sameFork = b.fork()
        #expect(fork.next() == sameFork.next())
        #expect(a.next() == b.next())
        #expect(a.next() != fork.next())
    }

    @Test func anActionBufferKeepsOrderAndIsEmptyAfterTaking() {
        var buffer = ActionBuffer<Int>()
        #expect(buffer.isEmpty)
        buffer.append(3)
        buffer.append(1)
        #expect(buffer.count == 2 && buffer[0] == 3 && buffer[1] == 1)
        #expect(buffer.take() == [3, 1])
        #expect(buffer.isEmpty && buffer.take().isEmpty)
        buffer.append(4)
        buffer.removeAll()
        #expect(buffer.isEmpty)
    }

    @Test func indicesOrderAndPrintAsTheirNumbers() {
        #expect(PieceIndex(2) < PieceIndex(10))
        #expect(BlockIndex(2) < BlockIndex(10))
        #expect(FileIndex(2) < FileIndex(10))
        #expect(PieceIndex(UInt32.max).position == 4_294_967_295)
        #expect("\(PieceIndex(3)), \(BlockIndex(4)), \(FileIndex(5))" == "piece 3, block 4, file 5")
    }
}
