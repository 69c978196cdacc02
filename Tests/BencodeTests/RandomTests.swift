import Bencode
import Testing

/// Documents made by chance, from seeds that failures name.
@Suite struct RandomTests {
    @Test(arguments: UInt64(1)...20)
    func whatIsEncodedIsReadBack(seed: UInt64) throws {
        var chance = Chance(state: seed)
        for _ in 0..<50 {
            let value = Self.value(depth: 0, &chance)
            let encoded = value.encoded()
            let document = try BencodeDocument(encoded, .strict)
            #expect(document.isCanonical, "seed \(seed)")
            #expect(Bencode(document.root) == value, "seed \(seed)")
            #expect(Bencode(document.root).encoded() == encoded, "seed \(seed)")
        }
    }

    @Test(arguments: UInt64(1)...20)
    func nothingThatIsChangedByChanceTrapsOrReadsOutside(seed: UInt64) throws {
        var chance = Chance(state: seed)
        var takenCount = 0
        for _ in 0..<200 {
            var bytes = Self.value(depth: 0, &chance).encoded()
            for _ in 0..<Int.random(in: 1...4, using: &chance) { Self.change(&bytes, &chance) }
            guard let document = try? BencodeDocument(prefixOf: bytes) else { continue }
            takenCount += 1
            #expect(document.root.range.upperBound <= bytes.count)
            let again = Bencode(document.root).encoded()
            #expect(throws: Never.self, "seed \(seed)") { try BencodeDocument(again, .strict) }
            if document.isCanonical {
                #expect(again.elementsEqual(document.root.rawBytes), "seed \(seed)")
            }
            Self.visit(document.root)
        }
        #expect(takenCount > 0, "seed \(seed)")
    }

    @Test(arguments: UInt64(1)...5)
    func nothingMadeOfTheAlphabetOfBencodingTraps(seed: UInt64) {
        var chance = Chance(state: seed)
        let alphabet = Array("ilde0123456789:-".utf8)
        for _ in 0..<5_000 {
            let bytes = (0..<Int.random(in: 0...24, using: &chance)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &chance)]
            }
            let strict = try? BencodeDocument(bytes, .strict)
            let lenient = try? BencodeDocument(bytes, .lenient)
            #expect((strict != nil) == (lenient?.isCanonical ?? false), "\(bytes)")
            if let lenient { Self.visit(lenient.root) }
        }
    }

    /// Asks everything of every value.
    private static func visit(_ value: BencodeValue) {
        _ = (value.integer, value.bytes, value.string, value.rawBytes, value["a"], value[[0]])
        for element in value.elements { visit(element) }
        for (_, value) in value.entries { visit(value) }
    }

    private static func value(depth: Int, _ chance: inout Chance) -> Bencode {
        switch Int.random(in: 0..<(depth > 4 ? 2 : 5), using: &chance) {
        case 0:
            let magnitude = Int64(truncatingIfNeeded: chance.next())
            return .integer(magnitude >> Int64.random(in: 0..<64, using: &chance))
        case 1: return .bytes(bytes(&chance))
        case 2, 3:
            return .list(
                (0..<Int.random(in: 0...5, using: &chance)).map { _ in
                    value(depth: depth + 1, &chance)
                })
        default:
            var entries: [[UInt8]: Bencode] = [:]
            for _ in 0..<Int.random(in: 0...5, using: &chance) {
                entries[bytes(&chance)] = value(depth: depth + 1, &chance)
            }
            return .dictionary(entries)
        }
    }

    private static func bytes(_ chance: inout Chance) -> [UInt8] {
        (0..<Int.random(in: 0...12, using: &chance)).map { _ in
            UInt8.random(in: .min ... .max, using: &chance)
        }
    }

    private static func change(_ bytes: inout [UInt8], _ chance: inout Chance) {
        let position = Int.random(in: 0..<bytes.count, using: &chance)
        switch Int.random(in: 0..<4, using: &chance) {
        case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &chance)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
        case 2 where bytes.count > 1: bytes.remove(at: position)
        default:
            bytes.insert(Array("ilde0159:-".utf8).randomElement(using: &chance) ?? 0, at: position)
        }
    }
}

/// SplitMix64.
struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
