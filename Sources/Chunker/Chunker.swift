import Hashing
public import Metainfo
import Units

/// A file that goes into the manifest.
public struct ChunkFile: Hashable, Sendable {
    /// Below the folder; a single file's name.
    public let path: [String]
    /// Bytes; 0 for links.
    public let length: Int64
    /// Of links as the system says it of them, which is always.
    public let isExecutable: Bool
    /// What a symbolic link points at, below the folder (BEP 47); nil for what is not a link.
    public let linkTarget: [String]?
}

/// Makes a manifest of a file or of the files below a folder.
///
/// - Files come folder by folder, names by their bytes. Hidden files are files like all others.
/// - Empty files are part of the manifest; empty folders are not, as no format can hold them.
/// - Links that point at something that is shared stay links (BEP 47); others are refused.
/// - Pipes, sockets, devices, files that may not be read and names that are not UTF-8 are refused,
///   too: nothing is left out that was not excluded.
/// - Executable is what its owner may execute.
/// - Each byte is read once, by all cores, with a memory of `Limits.readBytes` for each of them and
///   of the hashes; a file that changes meanwhile is an error that names it.
public struct Chunker: Sendable {
    public let options: ChunkOptions
    /// The torrent's name.
    public let name: String
    public let files: [ChunkFile]
    /// Bytes of content.
    public let totalLength: Int64
    /// Bytes.
    public let pieceLength: UInt32
    public var pieceCount: Int { Int(plan.pieceCount) }

    let root: SourceRoot
    let sources: [SourceFile]
    let plan: HashPlan
    private let builder: MetainfoBuilder
    private let threadCount: Int

    /// Scans the file or folder at `path`; nothing of its content is read yet.
    public init(path: String, options: ChunkOptions = ChunkOptions()) throws(ChunkerError) {
        let filter = try PathFilter(include: options.include, exclude: options.exclude)
        let root = try SourceRoot(path: path)
        let name = try Self.name(of: root, options)
        var sources = try TreeScan.files(of: root, filter: filter)
        guard !sources.isEmpty else { throw .noFiles(path: root.display([])) }
        if !root.isFolder { sources[0].components = [name] }
        let lengths = sources.map(\.length)
        let total = lengths.reduce(Int64(0)) { $0.addingSaturating($1) }
        guard total > 0 else { throw .noContent(path: root.display([])) }

        let pieceLength = options.pieceLength ?? automaticPieceLength(for: total)
        guard Self.allows(pieceLength, options.format) else {
            throw .pieceLengthNotAllowed(pieceLength, options.format)
        }
        let builder = try MetainfoBuilder(
            sources, of: root, name: name, pieceLength: pieceLength, options)
        let threads = min(max(1, options.threads ?? Threads.coreCount), Limits.threadsMax)
        let plan = HashPlan(
            builder.layout, sources: builder.sources, format: options.format, threads: threads)
        guard ManifestSize(plan, sources).isReadable else {
            throw .manifestTooLarge(
                path: root.display([]), files: sources.count, pieces: plan.pieceCount)
        }
        self.options = options
        self.name = name
        self.root = root
        self.sources = sources
        self.files = sources.map {
            ChunkFile(
                path: $0.components, length: $0.length, isExecutable: $0.isExecutable,
                linkTarget: $0.linkTarget)
        }
        self.totalLength = total
        self.pieceLength = pieceLength
        self.builder = builder
        self.plan = plan
        self.threadCount = Int(min(Int64(threads), plan.runCount))
    }

    /// Reads and hashes everything, and blocks until it is done.
    ///
    /// `progress` is called ten times a second at most, from any thread but never twice at once,
    /// and once at the end.
    public func run(
        progress: (@Sendable (ChunkProgress) -> Void)? = nil,
        cancellation: ChunkCancellation = ChunkCancellation()
    ) throws(ChunkerError) -> Metainfo {
        let meter = ProgressMeter(total: totalLength, report: progress)
        let metainfo = try builder.manifest(of: try hashes(meter, cancellation))
        meter.finish(file: sources.last { $0.length > 0 }?.name ?? "")
        return metainfo
    }

    func hashes(
        _ meter: ProgressMeter, _ cancellation: ChunkCancellation
    ) throws(ChunkerError) -> RunHashes {
        let run = HashRun(
            plan: plan, files: sources, root: root, progress: meter, cancellation: cancellation)
        Threads.run(threadCount) { run.work() }
        return try run.hashes()
    }

    /// Like `run`, but in threads of its own, so that the caller's task waits without blocking.
    /// Cancelling the task ends the hashing with `ChunkerError.cancelled`.
    public func manifest(
        progress: (@Sendable (ChunkProgress) -> Void)? = nil
    ) async throws(ChunkerError) -> Metainfo {
        let cancellation = ChunkCancellation()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let started = Threads.start {
                    continuation.resume(
                        returning: Result { () throws(ChunkerError) in
                            try run(progress: progress, cancellation: cancellation)
                        })
                }
                if case .failure(let error) = started {
                    continuation.resume(returning: .failure(.noThread(errno: error.errno)))
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }

    // MARK: - Checks

    private static func name(
        of root: SourceRoot, _ options: ChunkOptions
    ) throws(ChunkerError) -> String {
        let name: String
        if let given = options.name {
            name = given
        } else {
            let spelled = root.path.utf8.split(separator: slash).last.map { Array($0) } ?? []
            let isRelative = spelled.isEmpty || spelled.allSatisfy { $0 == UInt8(ascii: ".") }
            let real = isRelative ? root.realPath()?.split(separator: slash).last : nil
            guard let text = String(validating: real.map { Array($0) } ?? spelled, as: UTF8.self)
            else { throw .nameNotUTF8(path: root.display([])) }
            name = text
        }
        guard !["", ".", ".."].contains(name), !name.utf8.contains(slash), !name.utf8.contains(0)
        else { throw .nameNotAllowed(name) }
        return name
    }

    private static func allows(_ pieceLength: UInt32, _ format: ChunkFormat) -> Bool {
        guard (1...Limits.pieceLengthMax).contains(pieceLength) else { return false }
        let isPowerOfTwo = pieceLength.nonzeroBitCount == 1
        switch format {
        case .v1: return isPowerOfTwo || pieceLength % Limits.pieceLengthMin == 0
        case .v2, .hybrid: return isPowerOfTwo && pieceLength >= Limits.pieceLengthMin
        }
    }
}
