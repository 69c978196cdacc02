import NIOCore
import PeerWire
import Transport

/// Receives accepted connections until their peer has named a torrent, and shows them the way.
final class Reception: PeerConduitOwner {
    private let directory: TorrentDirectory
    private let network: PeerNetwork

    init(directory: TorrentDirectory, network: PeerNetwork) {
        self.directory = directory
        self.network = network
    }

    func conduit(_ conduit: PeerConduit, received handshake: Handshake) {
        // An unknown name is answered with silence: what we have is nobody's business.
        guard let torrent = directory.torrent(named: handshake.infoHash) else {
            return conduit.close()
        }
        guard torrent.loop.inEventLoop else {
            return move(conduit, handshake, to: torrent)
        }
        torrent.conduit(conduit, received: handshake)
    }

    /// A torrent lives on one loop with all its connections.
    private func move(_ conduit: PeerConduit, _ handshake: Handshake, to torrent: Torrent) {
        conduit.abandon()
        network.move(conduit.channel, to: torrent.loop) { channel in
            let moved = PeerConduit(
                id: conduit.id, moved: channel, from: conduit, owner: torrent)
            // Once the channel is set up, so that the answer finds its way out.
            torrent.loop.execute { torrent.conduit(moved, received: handshake) }
            return moved
        }
    }

    func conduit(_ conduit: PeerConduit, received messages: [PeerMessage]) {}

    func conduitClosed(_ conduit: PeerConduit, reason: ConduitClosure) {}
}
