import Foundation
import Testing

/// Our nodes, libtorrent's and Transmission's in private DHTs.
@Suite(.enabled(if: Network.obstacle == nil, "\(Network.obstacle ?? "")"))
struct DHTTests {
    @Test(.timeLimit(.minutes(20)), arguments: DHTGround.Family.allCases)
    func announcesOfEachClientAreFoundByTheOthers(_ family: DHTGround.Family) async throws {
        try await Arena.with(taking: 2) { arena in
            let ground = try await DHTGround(family, in: arena)
            // Transmission trusts a DHT only that has at least nine nodes.
            try await ground.startNodes(12)
            let libtorrent = try await LibtorrentNode(ground)
            var torrents: [ClientKind: Torrent] = [:]
            for kind in [ClientKind.swarm, .libtorrent, .transmission] {
                torrents[kind] = try await ground.makeTorrent(kind.rawValue)
            }
            let ours = try #require(torrents[.swarm])
            let theirs = try #require(torrents[.libtorrent])
            let last = try #require(torrents[.transmission])

            // Who is announced by us and by libtorrent is waited for by somebody who tells.
            let port: UInt16 = 7001
            let listeners = try await [ground.asker, libtorrent.place].asyncMap {
                try await Listener(at: $0, port: port, in: arena)
            }
            try await ground.announce(ours.infoHashes[0], port: port)
            try libtorrent.tell("announce", theirs.infoHashes[0], "\(port)")
            // Transmission looks once, and then not for half an hour: what it is to find is there
            // before it comes. A search takes it most of a minute.
            for (torrent, peer) in [
                (ours, ground.asker.endpoint(port)), (theirs, libtorrent.place.endpoint(port)),
            ] {
                try await eventually("we find \(peer)", within: .seconds(120)) {
                    try await ground.peers(of: torrent.infoHashes[0]).contains(peer)
                }
            }
            let place = try await ground.addPlace()
            let transmission = try await TransmissionClient(
                Order(
                    role: .stay, source: last.source, folder: arena.makeFolder("transmission"),
                    host: place.host, arena: arena),
                settings: ["dht-enabled": true], nodes: ground.nodes)
            for torrent in [ours, theirs] {
                try await transmission.add(
                    torrent.source, folder: arena.makeFolder("transmission"))
            }
            let announced = [
                (ours, ground.asker.endpoint(port)), (theirs, libtorrent.place.endpoint(port)),
                (last, place.endpoint(ClientKind.transmission.port)),
            ]
            for (torrent, peer) in announced {
                let hash = torrent.infoHashes[0]
                // Each time that we ask, we are another node, gone when the answer is there, and
                // Transmission 3.00 keeps it: asked often, it searches among the dead.
                try await eventually(
                    "we find \(peer)", within: .seconds(300), every: .seconds(20)
                ) { try await ground.peers(of: hash).contains(peer) }
                try await eventually(
                    "libtorrent finds \(peer)", within: .seconds(90), every: .seconds(2)
                ) {
                    try libtorrent.tell("peers", hash)
                    return libtorrent.events.contains { event in
                        event["info_hash"] as? String == hash
                            && (event["peers"] as? [String])?.contains(peer) == true
                    }
                }
            }
            for listener in listeners {
                try await eventually(
                    "Transmission finds \(listener)", within: .seconds(300)
                ) { listener.callers.contains(place.address) }
            }
        }
    }

    @Test(.timeLimit(.minutes(20)), arguments: DHTGround.Family.allCases)
    func itemsGoBothWaysBetweenLibtorrentAndUs(_ family: DHTGround.Family) async throws {
        // RFC 8032, section 7.1, test 1.
        let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
        try await Arena.with { arena in
            let ground = try await DHTGround(family, in: arena)
            try await ground.startNodes(2)
            let libtorrent = try await LibtorrentNode(ground)

            // Theirs, got by us.
            try libtorrent.tell("put", "theirs")
            try libtorrent.tell("sign", secret, key, "salt", "theirs-salted")
            try libtorrent.tell("sign", secret, key, "-", "theirs-plain")
            let target = try await eventually("a target", within: .seconds(60)) {
                libtorrent.events.compactMap { $0["target"] as? String }.first
            }
            for (words, value) in [
                ([target], "theirs"), (["--key", key, "--salt", "salt"], "theirs-salted"),
                (["--key", key], "theirs-plain"),
            ] {
                try await eventually("we get \(value)", within: .seconds(60)) {
                    try await ground.ask(["get"] + words)?["value"] as? String == value
                }
            }

            // Ours, got by them: the same places with higher numbers, and a new one.
            let file = try arena.makeFolder("key").appending(path: "key").path
            try Data(secret.utf8).write(to: URL(filePath: file))
            let put = try await eventually("two nodes store ours", within: .seconds(60)) {
                let put = try await ground.ask(["put", "ours"])
                return put?["stored"] as? Int ?? 0 >= 2 ? put : nil
            }
            for salt in ["salt", "other", ""] {
                let words = ["put", "ours-\(salt)", "--key-file", file]
                let salted = try await eventually("ours is stored", within: .seconds(60)) {
                    try await ground.ask(words + (salt.isEmpty ? [] : ["--salt", salt]))
                }
                #expect(salted["key"] as? String == key)
                #expect(salted["sequence"] as? Int == (salt == "other" ? 1 : 2))
                try await eventually(
                    "libtorrent gets \(salt)", within: .seconds(60), every: .seconds(2)
                ) {
                    try libtorrent.tell("signed", key, salt.isEmpty ? "-" : salt)
                    return libtorrent.events.contains { $0["value"] as? String == "ours-\(salt)" }
                }
            }
            try await eventually("libtorrent gets ours", within: .seconds(60), every: .seconds(2)) {
                try libtorrent.tell("get", put["target"] as? String ?? "")
                return libtorrent.events.contains {
                    $0["event"] as? String == "item" && $0["value"] as? String == "ours"
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(20)), arguments: 1...3)
    func aNetworkOfOneTwoOrThreeNodesWorks(_ count: Int) async throws {
        try await Arena.with { arena in
            let ground = try await DHTGround(.ipv4, in: arena)
            // Ours alone; ours and libtorrent's; two of ours and libtorrent's.
            try await ground.startNodes(max(1, count - 1))
            let libtorrent = count > 1 ? try await LibtorrentNode(ground) : nil
            let hash = String(repeating: "0\(count)", count: 20)
            try await ground.announce(hash, port: 7001)
            try await eventually("we find ourselves", within: .seconds(60)) {
                try await ground.peers(of: hash) == [ground.asker.endpoint(7001)]
            }
            guard let libtorrent else { return }
            let other = String(repeating: "a\(count)", count: 20)
            try libtorrent.tell("announce", other, "7002")
            try await eventually("we find libtorrent's", within: .seconds(60)) {
                try await ground.peers(of: other) == [libtorrent.place.endpoint(7002)]
            }
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func libtorrentAloneIsEnoughForUs() async throws {
        try await Arena.with { arena in
            let ground = try await DHTGround(.ipv4, in: arena)
            let libtorrent = try await LibtorrentNode(ground)
            ground.nodes.append((libtorrent.place.address, 6881))
            let hash = String(repeating: "0b", count: 20)
            try await ground.announce(hash, port: 7001)
            try await eventually("we find ourselves", within: .seconds(60)) {
                try await ground.peers(of: hash) == [ground.asker.endpoint(7001)]
            }
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(
        _ transform: (Element) async throws -> Value
    ) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
