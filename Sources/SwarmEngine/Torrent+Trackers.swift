import Discovery
import Metainfo
import NIOCore
import PeerWire
import SwarmScheduler
import Tracker
import Transport
import Units

extension Torrent {
    /// Announces to the torrent's trackers from now on.
    func startTrackers() {
        guard let client = services.trackers else { return }
        let tiers = usableTrackers
        // They may have been changed while the torrent slept. What stays goes on as it was.
        if hasWoken, let trackers {
            Task { await trackers.setTrackers(tiers) }
            return
        }
        guard !tiers.isEmpty else { return }
        let seed = services.makeSeed()
        let driver = TrackerDriver(
            tiers: tiers, infoHash: metainfo?.infoHash ?? infoHash,
            identity: TrackerDriver.Identity(
                peerID: ourID.bytes, port: listenPort, key: UInt32(truncatingIfNeeded: seed)),
            client: client, eventLoop: loop, hooks: trackerHooks,
            generator: SeededGenerator(seed: seed))
        trackers = driver
        let isComplete = startedComplete
        Task { await driver.start(isComplete: isComplete) }
    }

    /// Goes on announcing as it was done while the torrent slept.
    func takeUpTrackers() {
        switch continuity.announcing {
        case .notYet: return
        case .underWay(let driver): trackers = driver
        case .laidBy(let memory):
            trackers = services.trackers.map {
                TrackerDriver(
                    memory, port: listenPort, client: $0, eventLoop: loop, hooks: trackerHooks)
            }
        }
        continuity.announcing = .notYet
        guard let trackers else { return }
        let hooks = trackerHooks
        Task {
            await trackers.setHooks(hooks)
            await trackers.resume()
        }
    }

    /// The driver may be on another loop, of when the torrent slept.
    private var trackerHooks: TrackerDriver.Hooks {
        TrackerDriver.Hooks(
            counters: { await self.trackerCounters },
            found: { peers, _, url in
                let source = url.hostAddress
                self.onLoop { $0.run(.peersFound(peers, .tracker, from: source)) }
            },
            externalAddress: { address, _ in self.onLoop { $0.run(.seenAs(address)) } },
            failed: { url, error in
                let words = "\(error)"
                let failure: EngineError =
                    error.ending == .answered ? .tracker(words) : .trackerSilent(words)
                self.tell(.trackerFailed(url: "\(url)", failure))
            },
            warned: { url, text in self.tell(.trackerWarning(url: "\(url)", text: text)) })
    }

    /// By tier, also those that cannot be asked.
    var announceTiers: [[String]] {
        request.trackers ?? metainfo?.announceTiers ?? link?.trackers.map { [$0] } ?? []
    }

    /// By tier, those that can be asked.
    var usableTrackers: [[TrackerURL]] {
        announceTiers.map { tier in tier.compactMap { usable($0) } }.filter { !$0.isEmpty }
    }

    private func usable(_ text: String) -> TrackerURL? {
        do throws(TrackerURLError) {
            return try services.trackerURL(text)
        } catch {
            tell(.trackerFailed(url: text, .tracker("\(error)")))
            return nil
        }
    }

    var trackerCounters: TrackerDriver.Counters {
        let (uploaded, downloaded) = (continuity.uploaded, continuity.downloaded)
        guard let machine else {
            return TrackerDriver.Counters(
                uploaded: uploaded.addingSaturating(lastTransfer.uploaded),
                downloaded: downloaded.addingSaturating(lastTransfer.downloaded),
                left: metainfo == nil ? nil : lastTransfer.left)
        }
        let (wanted, had) = machine.wantedBytes
        return TrackerDriver.Counters(
            uploaded: uploaded.addingSaturating(machine.uploaded),
            downloaded: downloaded.addingSaturating(machine.downloaded),
            left: max(0, wanted - had))
    }
}
