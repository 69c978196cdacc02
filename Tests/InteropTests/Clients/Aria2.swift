import Foundation

/// aria2c. As a leecher it ends when it has everything.
struct Aria2Client: Client {
    let child: Child
    private let role: Role

    init(_ order: Order) throws {
        role = order.role
        let home = try order.arena.makeFolder("aria2")
        let shared = [
            // Without a DHT node of its own, aria2 speaks to no UDP tracker.
            "aria2c", "--enable-dht=true", "--dht-listen-port=6881",
            "--dht-file-path=\(home.appending(path: "dht.dat").path)", "--bt-enable-lpd=false",
            "--listen-port=6881",
            "--file-allocation=none", "--no-conf", "--console-log-level=info",
            "--summary-interval=0", "--show-console-readout=false", "--dir=\(order.folder.path)",
        ]
        let ofRole =
            order.role == .seed
            ? ["--check-integrity=true", "--bt-hash-check-seed=true", "--seed-ratio=0.0"]
            : ["--seed-time=0"]
        child = try order.start(.aria2, shared + ofRole + [order.source])
    }

    func isComplete() throws -> Bool {
        guard let ended = child.ended else { return false }
        guard ended == .exit(0) else { throw GroundError("aria2 ended: \(ended)") }
        return true
    }

    func complaints() -> [String] {
        lines(with: ["wrong piece", "checksum error", "bad peer", "bad piece"])
    }
}
