import Discovery
import Hashing
import Logging
public import Metainfo
import NIOCore
import Storage
import SwarmScheduler
import Transport
import Units

// MARK: - A torrent that is known by a link

extension Torrent {
    /// Takes the metadata from a `.torrent` that its user has, as if peers had given it. Nothing
    /// happens if it is known already, or if that is another torrent's.
    public func learn(from file: Metainfo) {
        guard metainfo == nil, infoHash.names(file.infoHash) else { return }
        // It is still being found out what earlier runs know.
        guard seeker != nil else { return given = file }
        run(.metadataGiven(file))
    }

    /// Finds out what earlier runs know of it. On a thread of the disk.
    nonisolated func recall(_ link: MagnetLink) {
        do throws(EngineError) {
            let remembered = try services.remember(link, request)
            let metainfo = remembered.metainfo?.adding(remembered.link)
            let peers = services.peers(of: request.record, naming: request.peers)
            onLoop { me in
                me.earlierPeers = peers
                me.recalled(metainfo, remembered.link)
            }
        } catch {
            onLoop { $0.failedToOpen(error) }
        }
    }

    private func recalled(_ metainfo: Metainfo?, _ link: MagnetLink) {
        self.link = link
        guard !isStopping else { return failedToOpen(.stopped) }
        if let metainfo = metainfo ?? given?.adding(link) { return open(learning: metainfo) }
        isOpening = false
        seeker = MetadataMachine(
            infoHash: infoHash, configuration: machineConfiguration, seed: services.makeSeed())
        state = .fetchingMetadata(done: 0, total: nil)
        tell(.fetchingMetadata)
        seekPeers()
    }

    /// What the torrent is has become known, though perhaps not all hashes of it yet.
    func metadataVerified(_ found: Metainfo) {
        // 20 bytes may turn out to be a v2 hash cut short: those who named them speak v2.
        if infoHash.v2 == nil, let v2 = found.infoHash.v2?.truncated {
            for conduit in conduits { conduit?.setV2InfoHash(v2) }
        }
        guard found.isPrivate else { return }
        log.info("the torrent is private")
        hasProvedPrivate = true
        leaveNeighbours()
        leaveDHT()
    }

    /// The seeker has everything that a `.torrent` holds.
    func metadataComplete(_ found: Metainfo) {
        open(learning: link.map(found.adding) ?? found)
    }

    /// Hashes have come that a hybrid torrent was begun without: what is kept of it is whole now.
    func layersComplete(_ found: Metainfo) {
        guard learn(found) else { return }
        _ = services.startup.run(.sync) {
            do throws(EngineError) {
                let selection = try self.request.selection(of: found)
                _ = try self.services.record(found, self.request, selection: selection)
            } catch {
                self.log.error("hashes not recorded", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Opens the content. The connections stay with the seeker meanwhile.
    private func open(learning metainfo: Metainfo) {
        guard learn(metainfo) else { return failedToOpen(.duplicate(name: metainfo.name)) }
        tell(.metadata(metainfo))
        if seeker != nil { followNames(of: metainfo) }
        state = .checking(done: 0, total: 0)
        isOpening = services.startup.run(.sync) { self.open(metainfo) }
        if !isOpening { failedToOpen(.stopped) }
    }

    /// The torrent may have a second name by which others look for it, or none to be looked for by;
    /// and its file may name trackers that its link did not.
    private func followNames(of metainfo: Metainfo) {
        seekNeighbours()
        joinDHT()
        if let trackers {
            let tiers = usableTrackers
            guard Set(metainfo.infoHash.wireForms) != Set(infoHash.wireForms) else {
                Task { await trackers.setTrackers(tiers) }
                return
            }
            Task { await trackers.stop() }
        }
        startTrackers()
    }

    /// What was wanted is in the session store.
    func endWithMetadata() {
        isOpening = false
        guard !isStopping else { return finishStopping() }
        leaveNeighbours()
        leaveDHT()
        if let trackers { Task { await trackers.stop() } }
        closeConnections()
        tell(.completed)
    }

    /// What the seeker knows of peers, for the machine that takes its place.
    func takeHandover() -> MetadataHandover? {
        defer { seeker = nil }
        return seeker?.handOver()
    }

    /// What peers said of the pieces that they have was held back until now.
    func tellPieceCount(_ count: Int) {
        for conduit in conduits { conduit?.setPieceCount(count) }
        for conduit in arrivals.values { conduit.setPieceCount(count) }
        run(.tick)
    }
}
