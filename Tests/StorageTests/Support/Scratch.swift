import CLinux
import Foundation
import Metainfo
import Synchronization
import Testing
import Units

@testable import Storage

/// A folder that is removed in the end.
final class Scratch: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("storage-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        self.path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Whether notes can be kept beside the content of files there: not on all file systems.
    static let keepsNotes: Bool = {
        guard let scratch = try? Scratch() else { return false }
        let file = open(scratch.path + "/file", O_RDWR | O_CREAT, 0o600)
        defer { close(file) }
        return note_whole(file, "all") == 0
    }()

    func write(_ bytes: [UInt8], to name: String) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func bytes(of name: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path + "/" + name).map { Array($0) }
    }

    /// Whether the file has just these bytes, or is not there; does not print them.
    func holds(_ bytes: [UInt8]?, in name: String) -> Bool { self.bytes(of: name) == bytes }

    /// All that is below the folder, files and folders, sorted.
    var names: [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
    }
}

/// Collects what comes on other threads.
final class Collected<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }

    func append(_ element: Element) { elements.withLock { $0.append(element) } }
}

/// Waits for a callback, with a limit in case that it never comes.
func answer<Value: Sendable>(
    _ start: (@escaping @Sendable (Value) -> Void) -> Void
) throws -> Value {
    let came = DispatchSemaphore(value: 0)
    let value = Mutex<Value?>(nil)
    start { answer in
        value.withLock { $0 = answer }
        came.signal()
    }
    _ = came.wait(timeout: .now() + 30)
    return try #require(value.withLock { $0 })
}

/// Waits until it is so, with a limit in case that it never is.
func wait(until isSo: () -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while !isSo() {
        try #require(ContinuousClock.now < deadline)
        usleep(1000)
    }
}

/// What the torrents of a test share.
struct Bench {
    let scratch: Scratch
    let pool: DiskPool
    let memory: ExtentMemory
    let openFiles: OpenFiles

    init(budget: Int? = nil, openFilesLimit: Int? = nil, scratch: Scratch? = nil) throws {
        self.scratch = try scratch ?? Scratch()
        self.pool = DiskPool()
        self.memory = ExtentMemory(budget: budget)
        self.openFiles = OpenFiles(limit: openFilesLimit)
    }

    var folder: String { scratch.path + "/save" }

    /// The same folder after the end of the process: what no thread has begun does not happen.
    func afterCrash() throws -> Bench {
        pool.stop()
        return try Bench(scratch: scratch)
    }

    func resources(_ store: SessionStore? = nil) -> TorrentStorage.Resources {
        TorrentStorage.Resources(pool: pool, memory: memory, openFiles: openFiles, store: store)
    }

    func store() throws -> SessionStore {
        try SessionStore(path: scratch.path + "/state/session.db")
    }

    func files(_ torrent: TestTorrent, wanted: Set<FileIndex>? = nil) throws -> FileStore {
        try FileStore(
            torrent.metainfo, in: folder, wanted: wanted, creatingFolder: true,
            openFiles: openFiles)
    }

    /// Opens in a way that a test can go on with.
    func open(
        _ torrent: TestTorrent, in folder: String? = nil, record: TorrentRecord.ID? = nil,
        store: SessionStore? = nil,
        wanted: Set<FileIndex>? = nil, content: TorrentOpening.Options.Content = .asRecorded,
        creatingFolder: Bool = true, medium: Medium = Medium(),
        pace: ResumeJournal.Pace = ResumeJournal.Pace(),
        checked: Collected<ContentChecker.Progress>? = nil,
        events: @escaping @Sendable (TorrentStorage.Event) -> Void = { _ in }
    ) throws -> TorrentStorage {
        var options = TorrentOpening.Options(folder: folder ?? self.folder, record: record)
        options.wanted = wanted
        options.content = content
        options.createsFolder = creatingFolder
        options.medium = medium
        options.pace = pace
        let result: Result<TorrentStorage, OpeningError> = try answer { answer in
            TorrentOpening.open(
                torrent.metainfo, options, resources: resources(store),
                progress: { checked?.append($0) }, events: events, completion: answer)
        }
        return try result.get()
    }
}

extension DiskPool {
    /// Keeps its one lane for reads busy until this is signalled.
    func holdingReads() throws -> DispatchSemaphore {
        let gate = DispatchSemaphore(value: 0)
        let _: Bool = try answer { answer in
            run(.read(key: 0)) {
                answer(true)
                gate.wait()
            }
        }
        return gate
    }
}

extension TorrentStorage {
    /// Writes a piece block by block and finishes it.
    func put(_ bytes: [UInt8], as piece: Int) throws -> PieceOutcome {
        bytes.withUnsafeBytes { bytes in
            var begin = 0
            while begin < bytes.count {
                let end = min(bytes.count, begin + Int(blockLength))
                write(
                    PieceIndex(piece), begin: UInt32(begin),
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[begin..<end]))
                begin = end
            }
        }
        return try answer { finish(PieceIndex(piece), completion: $0) }
    }

    func get(_ piece: Int) throws -> [UInt8] {
        let length = Int(metainfo.layout.length(of: PieceIndex(piece)))
        var bytes = [UInt8](repeating: 0xFF, count: length)
        let result = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(StorageError) in
                try read(PieceIndex(piece), begin: 0, into: buffer)
            }
        }
        try result.get()
        return bytes
    }

    func holds(_ torrent: TestTorrent, _ piece: Int) throws -> Bool {
        try get(piece) == torrent.bytes(of: piece)
    }

    /// All pieces of the torrent, in order.
    func putAll(_ torrent: TestTorrent) throws {
        for piece in 0..<torrent.layout.pieceCount {
            let outcome = try put(torrent.bytes(of: piece), as: piece)
            #expect(outcome.isVerified, "piece \(piece): \(outcome)")
        }
    }

    func closed() throws -> StorageError? { try answer { close(completion: $0) } }
    func flushed() throws -> StorageError? { try answer { flush(completion: $0) } }
}

extension PieceOutcome {
    var isVerified: Bool {
        if case .verdict(.verified) = self { return true }
        return false
    }

    var error: StorageError? {
        if case .failed(let error) = self { return error }
        return nil
    }
}

extension TorrentStorage {
    /// The pieces that are not had.
    func putAllMissing(_ torrent: TestTorrent, only: Bitfield? = nil) throws {
        let had = had
        for piece in 0..<torrent.layout.pieceCount where !had.contains(PieceIndex(piece)) {
            guard only?.contains(PieceIndex(piece)) ?? true else { continue }
            let outcome = try put(torrent.bytes(of: piece), as: piece)
            #expect(outcome.isVerified, "piece \(piece): \(outcome)")
        }
    }
}

extension SessionStore {
    func add(_ torrent: TestTorrent, in folder: String) throws -> TorrentRecord {
        try add(
            torrent.metainfo.infoHash, name: torrent.metainfo.name, folder: folder,
            metainfo: torrent.metainfo.encoded(), now: 1_700_000_000)
    }
}
