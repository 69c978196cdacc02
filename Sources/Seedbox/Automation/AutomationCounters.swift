import Synchronization
import Units

/// What was done without being asked, counted for metrics. For any thread.
public final class AutomationCounters: Sendable {
    public enum Kind: Hashable, Sendable {
        case hooks, webhooks, watchedFiles
    }

    private struct Key: Hashable {
        let kind: Kind
        let subject: String
        let result: String
    }

    private let counts = Mutex<[Key: Int64]>([:])

    public init() {}

    /// - Parameter subject: what it was about; a word of ours, as there are few of them.
    func count(_ kind: Kind, _ subject: String, _ result: String) {
        counts.withLock { counts in
            let key = Key(kind: kind, subject: subject, result: result)
            counts[key] = counts[key, default: 0].addingSaturating(1)
        }
    }

    func write(into page: inout Exposition) {
        let counts = counts.withLock { $0 }
        func write(_ kind: Kind, _ name: String, _ help: String, _ label: String) {
            page.family(name, .counter, help) { samples in
                let own = counts.filter { $0.key.kind == kind }
                for (key, count) in own.sorted(by: {
                    ($0.key.subject, $0.key.result) < ($1.key.subject, $1.key.result)
                }) {
                    samples.add(count, [label: key.subject, "result": key.result])
                }
            }
        }
        write(.hooks, "swarm_hook_runs_total", "Programs that were run, by outcome.", "event")
        write(
            .webhooks, "swarm_webhook_deliveries_total", "Webhook deliveries, by outcome.",
            "event")
        write(
            .watchedFiles, "swarm_watched_files_total", "Files of watch folders, by outcome.",
            "kind")
    }
}
