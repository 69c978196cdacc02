import Metainfo
import SwarmEngine
import Terminal

/// What `fetch` is told to fetch, from wherever it may come.
enum TorrentSource {
    /// All that is known of the torrent without asking peers.
    static func resolve(_ source: Source) async throws(Failure) -> TorrentRequest.Source {
        switch source {
        case .file, .standardInput:
            let bytes = try ManifestFiles.bytes(of: source)
            return .metainfo(try ManifestFiles.parse(bytes, source.subject))
        case .url(let url):
            let bytes: [UInt8]
            do throws(EngineError) {
                bytes = try await Session.download(url: url, maxBytes: Limits.manifestBytesMax)
            } catch {
                throw error.failure(of: .fetch)
            }
            return .metainfo(try ManifestFiles.parse(bytes, url))
        case .magnet(let text):
            do throws(MagnetError) {
                return .magnet(try MagnetLink(text))
            } catch {
                throw Failure(.unreadableSource, nil, "\(error)")
            }
        case .infoHash(let infoHash): return .magnet(MagnetLink(infoHash: infoHash))
        }
    }
}
