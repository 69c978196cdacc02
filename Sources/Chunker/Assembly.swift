import Hashing
import Metainfo

// How what was scanned and hashed becomes a manifest.

extension MetainfoBuilder {
    /// Orders and lays out `sources`, and says what of that a manifest cannot hold.
    init(
        _ sources: [SourceFile], of root: SourceRoot, name: String, pieceLength: UInt32,
        _ options: ChunkOptions
    ) throws(ChunkerError) {
        let files = sources.map { file in
            File(
                path: file.components.map { Array($0.utf8) }, length: file.length,
                isExecutable: file.isExecutable,
                symlinkTarget: file.linkTarget?.map { Array($0.utf8) })
        }
        do {
            try self.init(
                name: Array(name.utf8), files: files, isSingleFile: !root.isFolder,
                pieceLength: pieceLength, version: options.format.version)
        } catch {
            throw ChunkerError(error, root, pieceLength)
        }
        announceTiers = options.announceTiers
        webSeeds = options.webSeeds
        isPrivate = options.isPrivate
        comment = options.comment
        source = options.source
        createdBy = options.createdBy
        creationDate = options.creationDate
        try checkNames(of: sources, root)
    }

    /// Whoever reads the manifest makes names of it that any file system takes, and that differ.
    /// Where these are not the names that are here, the files could not even be shared from where
    /// they are.
    private func checkNames(
        of sources: [SourceFile], _ root: SourceRoot
    ) throws(ChunkerError) {
        for (index, entry) in layout.files.enumerated() where !entry.isPad && entry.isRenamed {
            let path = self.sources[index].map { root.display(sources[$0].path) } ?? ""
            throw .nameNotPortable(path: path, wouldBe: entry.path.joined(separator: "/"))
        }
        guard root.isFolder else { return }
        // A folder's name is read as a lone file's is.
        let file = File(path: [], length: 1)
        let alone = try? MetainfoBuilder(
            name: name, files: [file], isSingleFile: true, pieceLength: Limits.pieceLengthMin,
            version: .v1)
        if let entry = alone?.layout.files.first, entry.isRenamed {
            throw .nameNotPortable(
                path: root.display([]), wouldBe: entry.path.joined(separator: "/"))
        }
    }

    func manifest(of hashes: RunHashes) throws(ChunkerError) -> Metainfo {
        var pieceRoots: [[SHA256Digest]] = []
        if version != .v1 {
            var next = 0
            for file in layout.files {
                let unit = Int64(layout.pieceLength)
                let count = file.isPad ? 0 : file.length / unit + (file.length % unit > 0 ? 1 : 0)
                pieceRoots.append(Array(hashes.v2[next..<next + Int(count)]))
                next += Int(count)
            }
        }
        do {
            return try build(pieces: hashes.v1, pieceRoots: pieceRoots)
        } catch {
            throw .manifest(error)
        }
    }
}

extension ChunkerError {
    fileprivate init(_ error: MetainfoBuilderError, _ root: SourceRoot, _ pieceLength: UInt32) {
        switch error {
        case .metainfo(.lengthOverflow): self = .tooLong(path: root.display([]))
        case .metainfo(.tooManyPieces(let count, let max)):
            self = .tooManyPieces(count: count, max: max, pieceLength: pieceLength)
        default: self = .manifest(error)
        }
    }
}

extension ChunkFormat {
    fileprivate var version: Metainfo.Version {
        switch self {
        case .v1: .v1
        case .v2: .v2
        case .hybrid: .hybrid
        }
    }
}
