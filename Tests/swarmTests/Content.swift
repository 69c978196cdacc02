import Foundation
import Hashing
import Metainfo

/// Content of a few files and its v1 torrent, with pieces of 16 KiB that run through the files.
struct Content {
    static let pieceLength = 16_384

    let name: String
    let files: [(path: String, bytes: Data)]

    /// Four files, of which the third is far shorter than a piece.
    static let film = Content(
        name: "Film",
        files: [
            ("a/b.txt", testBytes(50_000)), ("c.bin", testBytes(100_000)), ("d", testBytes(10)),
            ("e", testBytes(200_000)),
        ])

    func manifest() throws -> Metainfo {
        let all = Data(files.map(\.bytes).joined())
        let pieces = stride(from: 0, to: all.count, by: Self.pieceLength).flatMap { begin in
            SHA1Digest.hash(Array(all[begin..<min(all.count, begin + Self.pieceLength)])).bytes
        }
        let builder = try MetainfoBuilder(
            name: Array(name.utf8),
            files: files.map { file in
                MetainfoBuilder.File(
                    path: file.path.split(separator: "/").map { Array($0.utf8) },
                    length: Int64(file.bytes.count))
            },
            isSingleFile: false, pieceLength: UInt32(Self.pieceLength), version: .v1)
        return try builder.build(pieces: pieces)
    }

    /// Puts the content into a folder, and its torrent beside it as `NAME.torrent`.
    func write(to folder: TemporaryFolder) throws {
        for file in files { try folder.file("\(name)/\(file.path)", file.bytes) }
        try folder.file("\(name).torrent", Data(manifest().encoded()))
    }
}
