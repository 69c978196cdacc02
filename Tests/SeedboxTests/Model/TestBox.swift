import Foundation
import Hashing
import Logging
import Testing
import Units

@testable import Seedbox

/// A seedbox of its own on loopback, and what tests do with it.
struct TestBox {
    let box: Seedbox
    let folder: String

    /// - Parameter name: of its folders below the scratch folder. Opened again by the same name.
    static func open(
        _ name: String, in scratch: ModelScratch,
        adjusting adjust: (inout Settings) -> Void = { _ in }
    ) async throws -> TestBox {
        var settings = Settings()
        settings.network.port = 0
        settings.network.bind = "127.0.0.1"
        (settings.network.usesDHT, settings.network.usesLSD) = (false, false)
        settings.network.dhtBootstrap = []
        settings.storage.downloadFolder = try scratch.folder(name + "/downloads")
        settings.storage.stateFolder = try scratch.folder(name + "/state")
        settings.storage.minimumFree = 0
        adjust(&settings)
        var logger = Logger(label: name)
        logger.logLevel = .critical
        return TestBox(
            box: try await Seedbox(settings, logger: logger),
            folder: settings.storage.downloadFolder)
    }

    /// Waits until the row is as it should be; gives it as it is when the time is over.
    @discardableResult
    func wait(
        for id: TorrentID, _ what: String, seconds: Double = 120,
        until isGood: (TorrentRow) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> TorrentRow {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            let row = try #require(box.catalogue.row(id), sourceLocation: sourceLocation)
            if isGood(row) { return row }
            guard ContinuousClock.now < deadline else {
                Issue.record("\(what): \(row)", sourceLocation: sourceLocation)
                return row
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    var endpoint: Endpoint { Endpoint(ipv4: 0x7F00_0001, port: box.port) }
}

/// A v1 torrent of files with bytes that follow from their names.
struct TestTorrent {
    let name: String
    let files: [(path: String, bytes: [UInt8])]
    let manifest: [UInt8]
    static let pieceLength = 32 * 1024

    /// - Parameter files: lengths by paths below the torrent's folder.
    init(
        _ name: String, files lengths: [(String, Int)] = [("a.bin", 100_000), ("b.bin", 70_000)],
        tracker: String? = nil
    ) {
        self.name = name
        files = lengths.enumerated().map { number, file in
            var generator = SeededGenerator(seed: UInt64(number + 1 + name.utf8.count * 100))
            let words = (0..<(file.1 + 7) / 8).map { _ in generator.next() }
            let bytes = words.withUnsafeBytes { Array($0.prefix(file.1)) }
            return (path: file.0, bytes: bytes)
        }
        let all = files.flatMap(\.bytes)
        var pieces: [UInt8] = []
        for start in stride(from: 0, to: all.count, by: Self.pieceLength) {
            let end = min(all.count, start + Self.pieceLength)
            pieces += Array(SHA1Digest.hash(Array(all[start..<end])).bytes)
        }
        var out: [UInt8] = []
        func add(_ text: String) { out += Array(text.utf8) }
        func add(string text: String) { add("\(text.utf8.count):\(text)") }
        add("d")
        if let tracker {
            add("8:announce")
            add(string: tracker)
        }
        add("4:infod5:filesl")
        for file in files {
            add("d6:lengthi\(file.bytes.count)e4:pathl")
            for element in file.path.split(separator: "/") { add(string: String(element)) }
            add("ee")
        }
        add("e4:name")
        add(string: name)
        add("12:piece lengthi\(Self.pieceLength)e6:pieces\(pieces.count):")
        out += pieces
        add("ee")
        manifest = out
    }

    /// What peers call it.
    var infoHash: [UInt8] {
        guard let start = manifest.firstRange(of: Array("4:info".utf8))?.upperBound else {
            return []
        }
        return Array(SHA1Digest.hash(Array(manifest[start...].dropLast())).bytes)
    }

    /// Puts the content where a seedbox looks for it.
    func write(to folder: String) throws {
        for file in files {
            let path = "\(folder)/\(name)/\(file.path)"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            try Data(file.bytes).write(to: URL(fileURLWithPath: path))
        }
    }

    func isWhole(in folder: String) -> Bool {
        files.allSatisfy { file in
            let data = try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)/\(file.path)"))
            return data.map { Array($0) == file.bytes } ?? false
        }
    }
}
