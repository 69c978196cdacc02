import Metainfo
import PeerWire
import Units

// MARK: - While the content cannot be reached

extension TorrentMachine {
    /// Chokes everybody, and gives up what is begun: it is asked for again afterwards.
    mutating func suspend(now: Instant, into actions: inout ActionBuffer<TorrentAction>) {
        guard !isSuspended else { return }
        isSuspended = true
        isDiskCongested = false
        isDiskFaulted = false
        diskRetryAt = nil
        leafQuestions = []
        redeemed = [:]
        for piece in picker.begun {
            cancelAll(of: piece, into: &actions)
            _ = abandon(piece)
            actions.append(.discard(piece))
        }
        choker.chokeAll(into: &chokeChanges)
        applyChokeChanges(now: now, into: &actions)
    }

    /// Goes on with what is there now. Peers are told of what changed.
    mutating func resume(
        having have: Bitfield, _ wanted: Bitfield, now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        guard isSuspended, have.count == layout.pieceCount, wanted.count == have.count else {
            return
        }
        isSuspended = false
        consecutiveDiskFailures = 0
        var lost: [PieceIndex] = []
        var found: [PieceIndex] = []
        let before = picker.have
        before.forEach { if !have.contains($0) { lost.append($0) } }
        have.forEach { if !before.contains($0) { found.append($0) } }
        for piece in lost { picker.lost(piece) }
        for piece in found { picker.found(piece) }
        picker.select(wanted)
        recountWanted()
        tell(lost: lost, found: found, now: now, into: &actions)
        followSelection(now: now, into: &actions)
        reviewAllInterest(into: &actions)
        fillAllPeers(now: now, into: &actions)
        dial(now: now, into: &actions)
        rechoke(now: now, into: &actions)
    }

    private mutating func tell(
        lost: [PieceIndex], found: [PieceIndex], now: Instant,
        into actions: inout ActionBuffer<TorrentAction>
    ) {
        let isLong = lost.count + found.count > Limits.inheritedHavesMax
        for slot in peers.active {
            guard let peer = peers[slot] else { continue }
            // There is no word for much that is lost: it is said from the beginning.
            if !lost.isEmpty, isLong || !peer.connection.supportsExtensions {
                disconnect(peer.key, .shutdown, now: now, into: &actions)
                continue
            }
            for piece in lost { actions.append(.send(peer.key, .dontHave(piece))) }
            if isLong {
                // Clients take a bitfield in the middle of things, as aria2 sends one there.
                actions.append(.send(peer.key, .bitfield(picker.have)))
            } else {
                for piece in found { actions.append(.send(peer.key, .have(piece))) }
            }
        }
    }
}
