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
        guard !tiers.isEmpty else { return }
        let seed = services.makeSeed()
        let driver = TrackerDriver(
            tiers: tiers, infoHash: metainfo?.infoHash ?? infoHash,
            identity: TrackerDriver.Identity(
                peerID: ourID.bytes, port: listenPort, key: UInt32(truncatingIfNeeded: seed)),
            client: client, eventLoop: loop,
            hooks: TrackerDriver.Hooks(
                counters: { await self.trackerCounters },
                found: { peers, _, url in
                    let source = url.hostAddress
                    self.assumeIsolated { $0.run(.peersFound(peers, .tracker, from: source)) }
                },
                externalAddress: { address, _ in
                    self.assumeIsolated { $0.run(.seenAs(address)) }
                },
                failed: { url, error in
                    self.tell(
                        .trackerFailed(url: "\(url)", .tracker("\(error)")))
                },
                warned: { url, text in
                    self.tell(.trackerWarning(url: "\(url)", text: text))
                }),
            generator: SeededGenerator(seed: seed))
        trackers = driver
        let isComplete = startedComplete
        Task { await driver.start(isComplete: isComplete) }
    }

    /// By tier, those that can be asked.
    var usableTrackers: [[TrackerURL]] {
        let named = request.trackers ?? metainfo?.announceTiers ?? link?.trackers.map { [$0] } ?? []
        return named.map { tier in tier.compactMap { usable($0) } }.filter { !$0.isEmpty }
    }

    private func usable(_ text: String) -> TrackerURL? {
        do throws(TrackerURLError) {
            return try TrackerURL(text)
        } catch {
            tell(.trackerFailed(url: text, .tracker("\(error)")))
            return nil
        }
    }

    private var trackerCounters: TrackerDriver.Counters {
        guard let machine else {
            return TrackerDriver.Counters(
                uploaded: lastTransfer.uploaded, downloaded: lastTransfer.downloaded,
                left: metainfo == nil ? nil : lastTransfer.left)
        }
        let (wanted, had) = machine.wantedBytes
        return TrackerDriver.Counters(
            uploaded: machine.uploaded, downloaded: machine.downloaded,
            left: max(0, wanted - had))
    }
}
