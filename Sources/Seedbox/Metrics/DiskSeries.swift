import Storage
import SwarmEngine
import Units

extension SessionDisks {
    func write(into page: inout Exposition) {
        page.counter(
            "swarm_hash_checked_pieces_total", "Pieces that were hashed.", counters.piecesChecked)
        page.counter(
            "swarm_hash_failed_pieces_total", "Pieces whose hash was wrong.",
            counters.piecesFailed)
        page.counter("swarm_disk_read_bytes_total", "Content read.", counters.bytesRead)
        page.counter("swarm_disk_write_bytes_total", "Content written.", counters.bytesWritten)
        page.family("swarm_disk_operations_total", .counter, "Calls to the disk.") {
            $0.add(counters.reads.total, ["operation": "read"])
            $0.add(counters.writes.total, ["operation": "write"])
            $0.add(counters.writeOuts.total, ["operation": "write-out"])
            $0.add(counters.syncs.total, ["operation": "sync"])
        }
        page.family("swarm_disk_errors_total", .counter, "Calls to the disk that failed.") {
            $0.add(counters.readErrors, ["operation": "read"])
            $0.add(counters.writeErrors, ["operation": "write"])
            $0.add(counters.syncErrors, ["operation": "sync"])
        }
        page.histograms(
            "swarm_disk_latency_seconds", "How long calls to the disk take.", label: "operation",
            [
                ("read", counters.reads), ("write", counters.writes),
                ("write-out", counters.writeOuts), ("sync", counters.syncs),
            ])
        page.family(
            "swarm_disk_queue_depth", .gauge, "Jobs that wait for the disk, or are being done."
        ) {
            $0.add(queue.reads, ["lane": "read"])
            $0.add(queue.writes, ["lane": "write"])
            $0.add(queue.checks, ["lane": "check"])
            $0.add(queue.syncs, ["lane": "sync"])
            $0.add(queue.journal, ["lane": "journal"])
        }
    }
}
