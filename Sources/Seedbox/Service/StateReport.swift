import Dispatch
import FoundationEssentials
import Logging
import Storage
import SwarmEngine
import Units

/// How things are, for the log of a daemon that seems to hang. What it tells waits for nobody who
/// could be the one that hangs; whether those answer, it finds out after that.
struct StateReport {
    let seedbox: Seedbox
    let logger: Logger

    func tell() {
        say("state: torrents", torrents)
        let now = seedbox.statistics
        say(
            "state: traffic",
            [
                "peers": "\(now.peers)", "down": "\(sizeText(now.downloadRate))/s",
                "up": "\(sizeText(now.uploadRate))/s",
                "received": "\(sizeText(now.thisRun.downloaded))",
                "sent": "\(sizeText(now.thisRun.uploaded))", "port": "\(seedbox.port)",
            ])
        say("state: disk jobs that wait or are done", disks)
        if let process = ProcessReading.now() { say("state: process", metadata(of: process)) }
        ask()
    }

    private var torrents: Logger.Metadata {
        let rows = seedbox.catalogue.withRows { rows in
            rows.reduce(into: [String: Int]()) { $0[$1.state.rawValue, default: 0] += 1 }
        }
        var metadata = rows.mapValues { Logger.MetadataValue.string("\($0)") }
        metadata["all"] = "\(seedbox.catalogue.count)"
        return metadata
    }

    private var disks: Logger.Metadata {
        let disks = seedbox.session.disks
        let (queue, counters) = (disks.queue, disks.counters)
        let errors = [counters.readErrors, counters.writeErrors, counters.syncErrors]
        return [
            "reads": "\(queue.reads)", "writes": "\(queue.writes)", "checks": "\(queue.checks)",
            "syncs": "\(queue.syncs)", "journal": "\(queue.journal)",
            "errors": "\(errors.reduce(Int64(0)) { $0.addingSaturating($1) })",
        ]
    }

    private func metadata(of process: ProcessReading) -> Logger.Metadata {
        let now = Int64(Date().timeIntervalSince1970)
        var metadata: Logger.Metadata = [
            "threads": "\(process.threads)", "memory": "\(sizeText(process.residentMemory))",
            "cpu-seconds": "\(Int64(process.cpuSeconds))",
            "uptime-seconds": "\(max(0, now - seedbox.statistics.started))",
        ]
        if let files = process.openFiles { metadata["descriptors"] = "\(files)" }
        if let max = process.openFilesMax { metadata["descriptors-max"] = "\(max)" }
        return metadata
    }

    /// The parts that have a thread or an actor of their own, each asked by itself. The threads of
    /// tasks may be what hangs, so they are not what waits.
    private func ask() {
        let seedbox = seedbox
        let parts: [(name: String, ask: @Sendable () async -> Void)] = [
            ("the model", { _ = await seedbox.isStopping }),
            ("trackers and DHT", { _ = await seedbox.session.network() }),
        ]
        let answers = parts.map { part in
            let answer = DispatchSemaphore(value: 0)
            Task {
                await part.ask()
                answer.signal()
            }
            return (part.name, answer)
        }
        let deadline = DispatchTime.now() + .seconds(Limits.secondsToAnswerForReport)
        for (part, answer) in answers {
            let isThere = answer.wait(timeout: deadline) == .success
            say(isThere ? "state: it answers" : "state: it does not answer", ["part": "\(part)"])
        }
    }

    /// Whoever asks wants to read it, however little is logged else.
    private func say(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        logger.log(level: max(.notice, logger.logLevel), message, metadata: metadata)
    }
}
