import Chunker
import Glibc
import JSONText
import Metainfo
import Terminal
import Units

/// Makes a manifest of content and writes it: for `create` and `seed`.
struct ManifestMaker {
    /// A manifest and where it was written.
    struct Made {
        let metainfo: Metainfo
        let path: String
        /// The folder that the content lies in.
        let folder: String

        var members: [JSON.Member] {
            [
                ("torrent", .string(path)), ("name", .string(metainfo.name)),
                ("info_hash", .string("\(metainfo.infoHash)")),
                ("version", .string(metainfo.version.word)),
                ("size", .integer(metainfo.layout.contentLength)),
                ("piece_length", .integer(Int64(metainfo.layout.pieceLength))),
                ("piece_count", .count(metainfo.layout.pieceCount)),
                ("magnet", .string(metainfo.magnetLink.text)),
            ]
        }
    }

    let path: String
    let options: ManifestOptions
    let output: String?
    /// Whether progress is written as events with `--json`.
    var streamsEvents = false

    func make() async throws(Failure) -> Made {
        for warning in options.warnings { Console.standard.warn(warning) }
        let place = try splitPath(path)
        let chunker: Chunker
        do throws(ChunkerError) {
            chunker = try Chunker(path: path, options: chunkOptions())
        } catch {
            throw Failure(error.status, nil, "\(error)")
        }
        let target = output ?? joinedPath(place.folder, chunker.name + ".torrent")
        let overwriting: ManifestFiles.Overwriting = options.force ? .anything : .sameTorrent
        // What can be known to fail at the end is not found out after hours of hashing.
        try ManifestFiles.checkPlace(
            target, overwriting, name: chunker.name, length: chunker.totalLength)
        let metainfo = try await hash(chunker)
        try ManifestFiles.write(metainfo, to: target, overwriting)
        return Made(metainfo: metainfo, path: target, folder: place.folder)
    }

    /// Content is served where it lies, so that its name is the torrent's.
    func checkServable() throws(Failure) {
        guard let name = options.name, name != (try splitPath(path).name) else { return }
        throw Failure(
            .badUsage, "--name \(name)", "is not the name of \(path), by which it is served",
            remedy: "rename it, or only make the torrent with 'swarm create'")
    }

    private func hash(_ chunker: Chunker) async throws(Failure) -> Metainfo {
        let report = WorkReport(
            verb: "hashing", name: chunker.name, streamsEvents: streamsEvents)
        defer { report.finish() }
        do throws(ChunkerError) {
            return try await chunker.manifest { progress in
                report.update(bytesDone: progress.bytesHashed, bytesTotal: progress.bytesTotal)
            }
        } catch {
            throw Failure(error.status, nil, "\(error)")
        }
    }

    private func chunkOptions() -> ChunkOptions {
        var chunk = ChunkOptions()
        chunk.format = options.format
        if let length = options.pieceLength {
            // A length that no number of the format holds is refused by the chunker as any other.
            chunk.pieceLength = UInt32(clamping: length)
        }
        chunk.name = options.name
        chunk.include = options.include
        chunk.exclude = options.exclude
        chunk.announceTiers = options.trackerTiers
        chunk.webSeeds = options.webSeed
        chunk.isPrivate = options.private
        chunk.comment = options.comment
        chunk.source = options.source
        chunk.createdBy = "swarm \(programVersion)"
        switch options.creationDate {
        case .now: chunk.creationDate = Int64(time(nil))
        case .none: chunk.creationDate = nil
        case .seconds(let seconds): chunk.creationDate = seconds
        }
        return chunk
    }
}

extension ChunkerError {
    /// What it means for how the process ends.
    var status: ExitStatus {
        switch self {
        case .pieceLengthNotAllowed, .nameNotAllowed, .patternNotAllowed, .tooManyPatterns,
            .tooManyPieces:
            .badUsage
        case .notFound, .unreadable, .specialFile, .changed, .nameNotUTF8, .nameNotPortable,
            .linkLeavesFolder, .linkDangles, .noFiles, .noContent, .tooManyFiles, .tooDeep,
            .tooLong, .manifestTooLarge:
            .unreadableSource
        case .manifest, .noThread, .cancelled: .failed
        }
    }
}
