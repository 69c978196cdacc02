import Chunker
import Foundation
import Hashing
import Metainfo
import Testing
import Units

/// The same content gives the same torrent as with libtorrent 2.1, so that both share one swarm.
@Suite struct LibtorrentParityTests {
    static let python = Libtorrent.python

    @Test(
        "info-hashes of 210 generated trees are libtorrent's, in v1, v2 and hybrid",
        .enabled(if: python != nil, "no Python with libtorrent 2.1 or later; see LT_PYTHON"))
    func infoHashesAreLibtorrents() throws {
        let seed: UInt64 = 20_260_807
        var rng = SeededGenerator(seed: seed)
        let base = try TemporaryTree()
        var cases: [Case] = []
        for number in 0..<210 {
            let tree = GeneratedTree(number: number, using: &rng)
            try tree.write(below: base)
            for format in ChunkFormat.allCases {
                cases.append(
                    Case(
                        format: format, pieceLength: tree.pieceLength,
                        path: base.below(tree.path)))
            }
        }
        let wanted = try Libtorrent.infoHashes(of: cases, in: base)
        try #require(wanted.count == cases.count)
        for (number, wanted) in wanted.enumerated() {
            let found = try infoHash(of: cases[number])
            #expect(found == wanted, "seed \(seed), tree \(number / 3), \(cases[number])")
        }
    }

    /// Names with which whole paths sort otherwise than folder by folder. libtorrent 2.1 makes
    /// hybrids of them that it does not load itself, as the two lists of files differ in order.
    @Test func namesBesideAFolderOfTheSameBeginningMakeAHybridThatLoads() throws {
        let tree = try TemporaryTree()
        for name in ["foo/a", "foo.txt", "foo bar", "foo-/x", "foo"] where name != "foo" {
            try tree.file(name, length: 20_000)
        }
        let metainfo = try Chunker(path: tree.path).run()
        let read = try Metainfo(metainfo.encoded())
        #expect(
            read.layout.files.filter { !$0.isPad }.map(\.path) == [
                ["foo", "a"], ["foo bar"], ["foo-", "x"], ["foo.txt"],
            ])
    }

    private func infoHash(of test: Case) throws -> String {
        var options = ChunkOptions()
        options.format = test.format
        options.pieceLength = test.pieceLength
        let metainfo = try Chunker(path: test.path, options: options).run()
        let hash = metainfo.infoHash
        #expect(try Metainfo(metainfo.encoded()).infoHash == hash)
        return "\(hash.v1.map { "\($0)" } ?? "-")\t\(hash.v2.map { "\($0)" } ?? "-")"
    }
}

struct Case: CustomStringConvertible {
    let format: ChunkFormat
    let pieceLength: UInt32
    let path: String

    var description: String { "\(format) \(pieceLength) \(path)" }
}

/// A file or a folder with names, lengths and shapes of many kinds.
private struct GeneratedTree {
    /// Below the base folder.
    let path: String
    let pieceLength: UInt32
    private var files: [(path: String, length: Int, isExecutable: Bool)] = []
    private var links: [(path: String, target: String)] = []

    private static let stems = [
        "a", "B", "zz", "0", "ä", "Ä", "e\u{301}", "日本語", "\u{1F600}", "ﷺ", "with space", ".dot",
        "-dash", "~", "_", "…", "Ω", "x'y\"z", "100%", "a&b", "#1", "\u{200D}",
    ]

    init(number: Int, using rng: inout SeededGenerator) {
        let pieceLength = 16384 << Int.random(in: 0...2, using: &rng)
        self.pieceLength = UInt32(pieceLength)
        let root = "\(number)~\(Self.stem(&rng))"
        path = root
        if number % 7 == 0 {
            let length = max(1, Self.length(pieceLength, &rng))
            files = [(root, length, Bool.random(using: &rng))]
            return
        }
        var folders = [root]
        // Each name has a number of its own, so that no name is the beginning of another's.
        for name in 0..<Int.random(in: 1...9, using: &rng) {
            let folder = folders[Int.random(in: 0..<folders.count, using: &rng)]
            if Int.random(in: 0..<3, using: &rng) == 0, folders.count < 6 {
                folders.append("\(folder)/\(Self.stem(&rng))~\(name)")
            }
            let fileFolder = folders[Int.random(in: 0..<folders.count, using: &rng)]
            let length = Self.length(pieceLength, &rng)
            files.append(
                (
                    "\(fileFolder)/\(Self.stem(&rng))~\(name + 100).bin", length,
                    Int.random(in: 0..<4, using: &rng) == 0
                ))
        }
        if files.allSatisfy({ $0.length == 0 }) { files[0].length = 1 }
        if number % 5 == 0 {
            let target = files[Int.random(in: 0..<files.count, using: &rng)].path
            let below = String(Substring(target.utf8.dropFirst(root.utf8.count + 1)))
            links.append(("\(root)/\(Self.stem(&rng))~link", below))
        }
    }

    private static func stem(_ rng: inout SeededGenerator) -> String {
        stems[Int.random(in: 0..<stems.count, using: &rng)]
    }

    /// Often near a boundary of blocks or pieces, where mistakes are made.
    private static func length(_ pieceLength: Int, _ rng: inout SeededGenerator) -> Int {
        let near = Int.random(in: -1...1, using: &rng)
        switch Int.random(in: 0..<8, using: &rng) {
        case 0: return 0
        case 1: return Int.random(in: 1...100, using: &rng)
        case 2: return 16384 + near
        case 3: return pieceLength + near
        case 4: return 2 * pieceLength + near
        case 5: return 3 * pieceLength + 16384 + near
        case 6: return Int.random(in: 1...(5 * pieceLength), using: &rng)
        default: return Int.random(in: 1...16384, using: &rng)
        }
    }

    func write(below base: TemporaryTree) throws {
        for file in files {
            let content = TemporaryTree.bytes(file.length, seed: UInt64(file.length) &+ 77)
            try base.file(file.path, content, isExecutable: file.isExecutable)
        }
        for link in links { try base.link(link.path, to: link.target) }
    }
}

private enum Libtorrent {
    /// The first Python that has what is needed: the one that LT_PYTHON names, the one that is
    /// installed for tests below the package, or the system's.
    static let python: String? = {
        let named = ProcessInfo.processInfo.environment["LT_PYTHON"]
        let candidates = [
            named, packageRoot + "/.build-tools/libtorrent/bin/python", "/usr/bin/python3",
        ]
        let found = candidates.compactMap(\.self).first { hasLibtorrent($0) }
        if found == nil { print("skipped: no Python with libtorrent 2.1 or later; set LT_PYTHON") }
        return found
    }()

    private static var packageRoot: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
    }

    private static var script: String { packageRoot + "/Tests/Support/libtorrent-info-hashes.py" }

    private static func hasLibtorrent(_ python: String) -> Bool {
        guard FileManager.default.isExecutableFile(atPath: python) else { return false }
        return (try? run(python, [script, "/dev/null"])) != nil
    }

    static func infoHashes(of cases: [Case], in base: TemporaryTree) throws -> [String] {
        let lines = cases.map { "\($0.format)\t\($0.pieceLength)\t\($0.path)\n" }.joined()
        let list = base.outside("cases")
        try base.write(Array(lines.utf8), to: list)
        return try run(try #require(python), [script, list]).split(separator: "\n").map(String.init)
    }

    private struct Failed: Error { let status: Int32 }

    private static func run(_ python: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failed(status: process.terminationStatus)
        }
        return String(decoding: text, as: UTF8.self)
    }
}
