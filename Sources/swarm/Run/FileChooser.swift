import Chunker
import Metainfo
import Terminal
import Units

/// Which files of a torrent `--files` and `--match` choose.
struct FileChooser: Sendable {
    let files: FileList?
    let patterns: [String]

    /// `nil` if nothing was chosen, which is to fetch all.
    ///
    /// - Parameter name: what to call the torrent if it has no such files.
    func choice(of metainfo: Metainfo, named name: String) throws(Failure) -> Set<FileIndex>? {
        guard files != nil || !patterns.isEmpty else { return nil }
        let shown = metainfo.shownFiles
        if let files, files.last > shown.count {
            throw Failure(
                .badUsage, name,
                "has \(countText(shown.count, "file")), no file \(files.last)",
                remedy: "see 'swarm fetch --list'")
        }
        let matcher: PathPatterns
        do throws(ChunkerError) {
            matcher = try PathPatterns(patterns)
        } catch {
            throw Failure(error.status, "--match", "\(error)")
        }
        let chosen = shown.filter { file in
            files?.contains(file.number) == true || matcher.match(file.entry.path)
        }
        guard !chosen.isEmpty else {
            throw Failure(
                .badUsage, name, "no file matches", remedy: "see 'swarm fetch --list'")
        }
        return Set(chosen.map(\.index))
    }
}
