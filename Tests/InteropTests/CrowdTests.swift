import Foundation
import Testing

/// One slow seed and ten that want what it has, ours and the others', all at once.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct CrowdTests {
    private struct Member {
        let kind: ClientKind
        let client: any Client
        let folder: URL
    }

    @Test(.timeLimit(.minutes(20)))
    func aMixedSwarmFeedsItselfFromOneSlowSeed() async throws {
        try await Arena.with(taking: 4) { arena in
            let content = try Content.make(.file, in: arena.makeFolder("content"))
            let meeting = try await Meeting(of: content, by: .http, in: arena) {
                try await SwarmClient.create(.v1, of: $0, tracker: $1, in: arena)
            }
            let order = Order(
                role: .seed, source: meeting.torrent.source, folder: content.folder,
                host: try await arena.network.addHost(), arena: arena)
            let seed = try SwarmClient(order, more: ["--up-limit", "8MiB"])
            try await meeting.seedIsKnown()

            var members: [Member] = []
            let kinds = [ClientKind](repeating: .swarm, count: 6) + ClientKind.foreign
            for kind in kinds {
                let folder = try arena.makeFolder("\(kind)")
                let client = try await kind.start(
                    kind == .swarm ? .stay : .leech, meeting.torrent, folder: folder, in: arena)
                members.append(Member(kind: kind, client: client, folder: folder))
            }
            for member in members { try await member.client.complete(within: .seconds(180)) }

            let complaints = try await complaints(of: members) + seed.complaints()
            #expect(complaints == [], "\(complaints)")
            for member in members {
                await member.client.child.stop()
                let wrong = try content.differences(from: member.folder)
                #expect(wrong == [], "\(member.kind): \(wrong)")
            }
        }
    }

    private func complaints(of members: [Member]) async throws -> [String] {
        var all: [String] = []
        for member in members { all += try await member.client.complaints() }
        return all
    }
}
