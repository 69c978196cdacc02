import ArgumentParser
import Glibc
import JSONText
import Metainfo
import Storage
import Terminal
import Units

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check content on disk against a torrent.",
        discussion: "Files that are not what the torrent describes are listed, with the place of "
            + "their first bad piece, and the exit status is 6. Nothing is changed.")

    @Argument(help: "A .torrent file, or - for standard input.", completion: .torrent)
    var torrent: String

    @Option(
        help: ArgumentHelp(
            "The folder that has the content; that of the torrent unless given.", valueName: "dir"),
        completion: .directory)
    var data: String?

    @OptionGroup(title: "Common options")
    var common: GlobalOptions

    func run() async throws {
        let console = common.configuredConsole()
        let metainfo = try ManifestFiles.read(torrent)
        let folder = try data ?? contentFolder(of: torrent)
        let report = try await ContentCheck(metainfo: metainfo, folder: folder).report()
        if common.json {
            try console.print(report.json)
        } else if !report.isGood || !common.quiet {
            try console.print(report.lines)
        }
        guard report.isGood else { throw report.failure(torrent) }
    }
}

/// The folder in which the content of a torrent file is looked for: beside it.
func contentFolder(of torrent: String) throws(Failure) -> String {
    torrent == "-" ? "." : try splitPath(torrent).folder
}

/// Checks content that is on disk.
struct ContentCheck {
    let metainfo: Metainfo
    let folder: String

    func report() async throws(Failure) -> VerifyReport {
        let files: FileStore
        do throws(StorageError) {
            files = try FileStore(metainfo, in: folder, openFiles: OpenFiles())
            try files.findFiles()
        } catch {
            throw Failure(.unreadableSource, nil, "\(error)")
        }
        let result = await check(files)
        if let error = result.error { throw Failure(.unreadableSource, nil, "\(error)") }
        if let piece = result.inconsistent.first {
            throw Failure(
                .verificationFailed, metainfo.name,
                "the v1 and v2 hashes of \(piece) contradict each other",
                remedy: "the torrent is broken")
        }
        return VerifyReport(
            name: metainfo.name, layout: metainfo.layout, good: result.good,
            lengths: metainfo.layout.files.indices.map { length(FileIndex($0), files) })
    }

    private func check(_ files: FileStore) async -> ContentChecker.Result {
        let work = WorkReport(verb: "checking", name: metainfo.name)
        defer { work.finish() }
        let pool = DiskPool()
        defer { pool.stop() }
        let length = Int64(metainfo.layout.pieceLength)
        let total = metainfo.layout.totalLength
        return await withCheckedContinuation { continuation in
            ContentChecker.check(
                Bitfield(allSet: metainfo.layout.pieceCount), of: metainfo, files: files,
                pool: pool,
                progress: { progress in
                    let done = Int64(progress.checkedPieces).multipliedSaturating(by: length)
                    work.update(bytesDone: min(done, total), bytesTotal: total)
                },
                completion: { continuation.resume(returning: $0) })
        }
    }

    /// Bytes on disk, `nil` if there is no such file.
    private func length(_ file: FileIndex, _ files: FileStore) -> Int64? {
        let entry = metainfo.layout.files[file.position]
        let path = files.path(of: file)
        var status = stat()
        // What still has the name of an unfinished file is not there under its own.
        guard !entry.isPad, let name = entry.path.last, path.hasSuffix("/" + name),
            lstat(path, &status) == 0
        else { return nil }
        return Int64(status.st_size)
    }
}

extension VerifyReport {
    /// The last line of a check that failed.
    func failure(_ subject: String) -> Failure {
        Failure(
            .verificationFailed, subject,
            "\(badFiles.count) of \(countText(files.count, "file")) and "
                + "\(pieceCount - goodPieces) of \(countText(pieceCount, "piece")) are not what "
                + "the torrent describes")
    }
}
