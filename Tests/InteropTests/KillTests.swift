import Foundation
import Testing

/// A fetch that is killed without warning goes on where it was, and ends with the same bytes.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct KillTests {
    private static let killCount = 50

    @Test(.timeLimit(.minutes(20)))
    func survivesBeingKilledFiftyTimes() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("moments of death: seed \(seed)")
        var moments = Moments(state: seed)
        try await Arena.with { arena in
            let content = try Content.make(.tree, in: arena.makeFolder("content"))
            let meeting = try await Meeting(of: content, by: .http, in: arena) {
                try await SwarmClient.create(
                    .v1, of: $0, tracker: $1, pieceLength: "64KiB", in: arena)
            }
            _ = try await ClientKind.libtorrent.start(
                .seed, meeting.torrent, folder: content.folder, in: arena)
            try await meeting.seedIsKnown()

            let order = Order(
                role: .leech, source: meeting.torrent.source,
                folder: try arena.makeFolder("leech"),
                host: try await arena.network.addHost(), arena: arena)
            let state = try arena.makeFolder("state")
            var rehashed: [Int] = []
            for _ in 0..<Self.killCount {
                // Slow enough that fifty lives do not finish it.
                let client = try SwarmClient(order, more: ["--down-limit", "500KiB"], state: state)
                try await Task.sleep(for: moments.next())
                try #require(client.child.ended == nil, "it ended by itself, seed \(seed)")
                client.child.signal(SIGKILL)
                _ = try await client.child.end(within: .seconds(5))
                rehashed.append(client.rehashedByteCount ?? 0)
            }
            let last = try SwarmClient(order, state: state)
            try await last.complete(within: .seconds(60))
            rehashed.append(try #require(last.rehashedByteCount, "no word of what was resumed"))
            print("bytes hashed again after each death: \(rehashed.dropFirst())")

            let wrong = try content.differences(from: order.folder)
            #expect(wrong == [], "seed \(seed): \(wrong.prefix(10))")
        }
    }

    /// Moments between the start and a second after it. SplitMix64.
    private struct Moments {
        var state: UInt64

        mutating func next() -> Duration {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return .microseconds(Int64((mixed ^ (mixed >> 31)) % 1_000_000))
        }
    }
}

extension SwarmClient {
    /// How many bytes it looked at again before it went on.
    fileprivate var rehashedByteCount: Int? {
        events.first { ["started", "resumed"].contains($0["event"] as? String) }?["rehashed_bytes"]
            as? Int
    }
}
