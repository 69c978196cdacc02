import Foundation
import Hashing
import Metainfo
import Testing
import Units

/// Torrents that libtorrent 2.1.1 made of random folders: each is read, taken apart into what its
/// maker was given, and built again.
@Suite struct LibtorrentTests {
    @Test(arguments: Fixtures.files(in: "Metainfo/libtorrent"))
    func buildsTheSameInfoDictionaryAsLibtorrent(_ fixture: String) throws {
        let torrent = try Metainfo(Fixtures.bytes("Metainfo/libtorrent/\(fixture)"))
        let rebuilt = try Self.rebuilt(torrent)
        #expect(rebuilt.infoHash == torrent.infoHash, "\(fixture)")
        #expect(rebuilt.infoBytes == torrent.infoBytes, "\(fixture)")
        #expect(rebuilt.encoded() == torrent.encoded(), "\(fixture)")
        #expect(torrent.encoded() == Fixtures.bytes("Metainfo/libtorrent/\(fixture)"))
        #expect(rebuilt.layout == torrent.layout)
    }

    private static func rebuilt(_ torrent: Metainfo) throws -> Metainfo {
        let real = torrent.layout.files.filter { !$0.isPad }
        // In an order that has nothing to do with the one wanted.
        let given = real.sorted { "\($0.path.reversed())" < "\($1.path.reversed())" }
        var builder = try MetainfoBuilder(
            name: torrent.rawName,
            files: given.map {
                MetainfoBuilder.File(
                    path: $0.rawPath, length: $0.length, isExecutable: $0.isExecutable,
                    isHidden: $0.isHidden,
                    symlinkTarget: $0.symlinkTarget.map { $0.map { Array($0.utf8) } })
            },
            isSingleFile: torrent.isSingleFile, pieceLength: torrent.layout.pieceLength,
            version: torrent.version)
        builder.isPrivate = torrent.isPrivate
        builder.creationDate = torrent.creationDate
        let pieces = (0..<torrent.layout.pieceCount).compactMap {
            torrent.v1Hash(of: PieceIndex($0))?.bytes
        }
        let roots = builder.layout.files.map { file -> [SHA256Digest] in
            let index = torrent.layout.files.firstIndex {
                !$0.isPad && !file.isPad && $0.rawPath == file.rawPath
            }
            return index.flatMap { torrent.pieceLayer(of: FileIndex($0)) } ?? []
        }
        return try builder.build(
            pieces: pieces.flatMap(\.self), pieceRoots: torrent.version == .v1 ? [] : roots)
    }
}
