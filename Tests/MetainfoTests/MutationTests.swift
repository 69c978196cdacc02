import Bencode
import Hashing
import Metainfo
import Testing
import Units

/// Torrents that chance has changed: nothing may trap, and what is taken has to be sound.
@Suite struct MutationTests {
    private static let seeds: [Metainfo.Version: [[UInt8]]] = {
        var seeds: [Metainfo.Version: [[UInt8]]] = [:]
        for version in [Metainfo.Version.v1, .v2, .hybrid] {
            var link = Making.file("d/l", 0)
            link.symlinkTarget = [Array("a".utf8)]
            let files = [
                Making.file("a", 100), Making.file("d/b", 70_000), Making.file("e", 0), link,
            ]
            guard var folder = try? Making.torrent(files, version),
                let single = try? Making.build(
                    Making.builder([files[1]], version, name: "x", isSingleFile: true))
            else { continue }
            folder.announceTiers = [["http://a/", "udp://b:1"], ["http://c/"]]
            folder.webSeeds = ["http://w/"]
            folder.comment = "c"
            seeds[version] = [folder.encoded(), single.encoded()]
        }
        return seeds
    }()

    @Test(arguments: [Metainfo.Version.v1, .v2, .hybrid], UInt64(1)...3)
    func changedBytes(version: Metainfo.Version, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var takenCount = 0
        for base in Self.seeds[version] ?? [] {
            for _ in 0..<250 {
                var bytes = base
                for _ in 0..<Int.random(in: 1...3, using: &random) { change(&bytes, &random) }
                if check(bytes, "seed \(seed)") { takenCount += 1 }
            }
        }
        #expect(takenCount > 0, "seed \(seed)")
    }

    /// Changes that leave the bencoding whole, and so get deeper.
    @Test(arguments: [Metainfo.Version.v1, .v2, .hybrid], UInt64(1)...3)
    func changedValues(version: Metainfo.Version, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for base in Self.seeds[version] ?? [] {
            let tree = Bencode(try BencodeDocument(base).root)
            for _ in 0..<200 {
                check(changed(tree, &random).encoded(), "seed \(seed)")
            }
        }
    }

    @Test(arguments: [Metainfo.Version.v1, .v2, .hybrid])
    func everyPrefixIsRefused(version: Metainfo.Version) {
        for base in Self.seeds[version] ?? [] {
            for count in base.indices {
                #expect(throws: MetainfoError.self) { try Metainfo(Array(base[..<count])) }
            }
        }
    }

    /// Whether the bytes are a torrent, of which then everything is asked.
    @discardableResult
    private func check(_ bytes: [UInt8], _ comment: Comment) -> Bool {
        guard let torrent = try? Metainfo(bytes) else { return false }
        let layout = torrent.layout
        var sum: Int64 = 0
        for number in 0..<layout.pieceCount {
            let piece = PieceIndex(number)
            let range = layout.byteRange(of: piece)
            var length: Int64 = 0
            layout.forEachSegment(of: range) { length += $0.length }
            #expect(length == range.length && length == Int64(layout.length(of: piece)), comment)
            #expect(layout.contentLength(of: piece) <= length, comment)
            sum += layout.contentLength(of: piece)
            #expect((torrent.v1Hash(of: piece) == nil) == (torrent.version == .v2), comment)
            #expect((torrent.v2Hash(of: piece) == nil) == (torrent.version == .v1), comment)
        }
        #expect(sum == layout.contentLength, comment)
        var paths: Set<String> = []
        for file in layout.files where !file.isPad {
            #expect(paths.insert(file.path.joined(separator: "/").lowercased()).inserted, comment)
            for element in file.path + (file.symlinkTarget ?? []) + [torrent.name] {
                #expect(!["", ".", ".."].contains(element), comment)
                #expect(!element.utf8.contains { $0 < 0x20 || $0 == 0x2F || $0 == 0x5C }, comment)
                #expect(element.utf8.count <= 255, comment)
            }
        }
        #expect(
            (try? Metainfo(torrent.encoded())).map { Metainfo.isSame($0, torrent) } == true, comment
        )
        #expect((try? MagnetLink(torrent.magnetLink.text))?.infoHash == torrent.infoHash, comment)
        let other = try? torrent.changingInfo(isPrivate: !torrent.isPrivate)
        // Without a name that is of use the torrent is called by its info-hash.
        #expect(
            other.map { $0.layout == layout } ?? true
                || torrent.rawName != Array(torrent.name.utf8), comment)
        return true
    }

    private func change(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let position = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &random)
        case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.remove(at: position)
        case 3:
            bytes.insert(Array("ilde0123:-".utf8).randomElement(using: &random) ?? 0, at: position)
        default:
            let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
            if let digit = digits.randomElement(using: &random) {
                bytes[digit] = UInt8.random(in: 0x30...0x39, using: &random)
            }
        }
    }

    /// With one value somewhere in it replaced, removed or moved.
    private func changed(_ value: Bencode, _ random: inout SeededGenerator) -> Bencode {
        let isHere = Int.random(in: 0..<4, using: &random) == 0
        switch value {
        case .dictionary(var entries) where !isHere && !entries.isEmpty:
            let keys = entries.keys.sorted { $0.lexicographicallyPrecedes($1) }
            guard let key = keys.randomElement(using: &random), let old = entries[key] else {
                break
            }
            switch Int.random(in: 0..<8, using: &random) {
            case 0: entries[key] = nil
            case 1: entries[keys.randomElement(using: &random) ?? []] = old
            case 2: entries[Self.names.randomElement(using: &random) ?? []] = old
            default: entries[key] = changed(old, &random)
            }
            return .dictionary(entries)
        case .list(var elements) where !isHere && !elements.isEmpty:
            let index = Int.random(in: 0..<elements.count, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0: elements.remove(at: index)
            case 1: elements.append(elements[index])
            case 2: elements.swapAt(0, index)
            default: elements[index] = changed(elements[index], &random)
            }
            return .list(elements)
        case .integer(let number) where Bool.random(using: &random):
            return .integer(number &+ Int64.random(in: -2...2, using: &random))
        case .bytes(let bytes) where Bool.random(using: &random):
            return .bytes(Array(bytes.dropLast()))
        default: break
        }
        return Self.values.randomElement(using: &random) ?? value
    }

    private static let names: [[UInt8]] = ["", "..", "A", "a", "files", "length", "x/y"].map {
        Array($0.utf8)
    }
    private static let values: [Bencode] = [
        0, 1, -1, 2, 32_768, .integer(.max), .integer(.min), "", "p", "l", "..", "A",
        .bytes(Array(repeating: 0, count: 32)), .bytes([0xFF, 0xFE]), [], [""], ["a"], ["d", "b"],
        .keyed([:]), ["": .keyed([:])],
    ]
}
