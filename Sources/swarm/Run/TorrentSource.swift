import Metainfo
import SwarmEngine

/// Manifests from wherever they may come.
enum TorrentSource {
    static func metainfo(_ source: Source) async throws(Failure) -> Metainfo {
        switch source {
        case .file, .standardInput:
            return try ManifestFiles.parse(try ManifestFiles.bytes(of: source), source.subject)
        case .url(let url):
            let bytes: [UInt8]
            do throws(EngineError) {
                bytes = try await Session.download(url: url, maxBytes: Limits.manifestBytesMax)
            } catch {
                throw error.failure(of: .fetch)
            }
            return try ManifestFiles.parse(bytes, url)
        case .magnet(let text):
            let link: MagnetLink
            do throws(MagnetError) {
                link = try MagnetLink(text)
            } catch {
                throw Failure(.unreadableSource, nil, "\(error)")
            }
            throw needsMetadata(link.displayName ?? "\(link.infoHash)")
        case .infoHash(let digits): throw needsMetadata(digits)
        }
    }

    private static func needsMetadata(_ subject: String) -> Failure {
        Failure(
            .unreadableSource, subject, ManifestFiles.metadataFact,
            remedy: "give the .torrent file or its URL")
    }
}
