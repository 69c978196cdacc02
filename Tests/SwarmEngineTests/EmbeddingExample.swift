import Metainfo
import SwarmEngine

/// Fetches the content of a manifest into a folder, and leaves once it is there.
func fetch(_ manifest: [UInt8], into folder: String) async throws {
    let session = try await Session(SessionConfiguration())
    let torrent = try await session.add(
        TorrentRequest(metainfo: Metainfo(manifest), directory: folder, mode: .fetch))
    for await event in torrent.events {
        if case .failed(let error) = event { throw error }
        if case .completed = event { break }
    }
    await session.shutdown()
}
