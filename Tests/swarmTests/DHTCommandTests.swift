import Foundation
import Glibc
import Terminal
import Testing

@testable import swarm

/// The commands of `dht`, in a network of one or two nodes on this machine.
@Suite(.ownThreads, .serialized, .timeLimit(.minutes(10))) struct DHTCommandTests {
    private let folder: TemporaryFolder
    private let swarm: Binary
    /// Programs that live as long as the test.
    private let nodes = Nodes()
    private let hash = String(repeating: "0f1e2d3c", count: 5)

    private final class Nodes {
        var all: [Running] = []
    }

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
    }

    private func node(_ name: String, _ options: String...) throws -> (Running, address: String) {
        let node = try Running(
            swarm,
            [
                "dht", "node", "--bind", "127.0.0.1", "--port", "0",
                "--state-dir", folder.path(name),
            ] + options)
        nodes.all.append(node)
        let started = try node.event("started")
        let address = try #require((started["endpoints"] as? [String])?.first)
        #expect(address == "127.0.0.1:\(started["port"] as? Int ?? 0)")
        #expect((started["ids"] as? [String: String])?["ipv4"]?.count == 40)
        return (node, address)
    }

    /// What a command answers, as an object.
    private func ask(_ address: String, _ words: String...) throws -> [String: Any] {
        let outcome = try swarm.runAll(
            ["dht"] + words + ["--json", "--bind", "127.0.0.1", "--dht-bootstrap", address])
        #expect(outcome.status == 0, "\(words): \(outcome.error)")
        return try #require(outcome.objects().first)
    }

    @Test func announcesAreFoundAndLookupsEndAtTheNodes() throws {
        let (first, address) = try node("one")
        let (second, _) = try node("two", "--dht-bootstrap", address)
        while try second.event("status")["joined"] as? [String] != ["ipv4"] {}
        let pong = try ask(address, "ping", address)
        #expect(pong["endpoint"] as? String == address)
        #expect(pong["version"] as? String == "SW 0.1")
        #expect(try ask(address, "announce", hash, "--peer-port", "7")["stored"] as? Int == 2)
        let found = try ask(address, "get-peers", hash, "--scrape")
        #expect(found["peers"] as? [String] == ["127.0.0.1:7"])
        #expect(found["peers_counted"] as? Int == 1)
        let lookup = try ask(address, "lookup", hash, "--trace")
        let result = try #require((lookup["results"] as? [[String: Any]])?.first)
        #expect((result["nodes"] as? [Any])?.count == 2)
        #expect((result["trace"] as? [Any])?.isEmpty == false)
        let plain = try swarm.run("dht", "get-peers", hash, "--dht-bootstrap", address)
        #expect(plain.output == "127.0.0.1:7\n")
        // Nobody listens at the port for discarding what comes.
        let named = try swarm.run(
            "dht", "get-peers", hash, "--dht-bootstrap", "127.0.0.1:9", "--peer", address)
        #expect(named.output == "127.0.0.1:7\n", "\(named.error)")
        second.signal(SIGTERM)
        #expect(try second.end().status == ExitStatus.terminated.rawValue)
        #expect(folder.names.contains("two"))
        #expect(try !folder.content("two/dht.dat").isEmpty)
        first.signal(SIGINT)
        #expect(try first.end().status == ExitStatus.interrupted.rawValue)
    }

    @Test func itemsAreGotAsTheyWerePut() throws {
        let (_, address) = try node("one")
        let put = try ask(address, "put", "grüße")
        let target = try #require(put["target"] as? String)
        #expect(try ask(address, "get", target)["value"] as? String == "grüße")
        let list = try ask(address, "put", "li1e2:abe", "--bencoded")
        let place = try #require(list["target"] as? String)
        let text = try swarm.run("dht", "get", place, "--dht-bootstrap", address)
        #expect(text.output == "li1e2:abe\n")

        let first = try ask(address, "put", "1", "--key-file", "key", "--salt", "s")
        #expect(first["sequence"] as? Int == 1)
        let mode = try FileManager.default.attributesOfItem(atPath: folder.path("key"))
        #expect(mode[.posixPermissions] as? Int == 0o600)
        let second = try ask(
            address, "put", "2", "--key-file", "key", "--salt", "s", "--cas", "1")
        #expect(second["sequence"] as? Int == 2)
        let key = try #require(second["key"] as? String)
        #expect(try ask(address, "get", "--key", key, "--salt", "s")["value"] as? String == "2")
        let late = try swarm.run(
            "dht", "put", "3", "--key-file", "key", "--salt", "s", "--cas", "1",
            "--dht-bootstrap", address)
        #expect(late.status == 1)
        #expect(late.error.contains("the sequence number 2; get it, and put with --cas 2"))
        let nothing = try swarm.run("dht", "get", hash, "--dht-bootstrap", address)
        #expect(nothing.error == "swarm: \(hash): no node has an item there\n")
        #expect(nothing.status == 1)
    }

    @Test func whereNobodyIsThereTheCommandSaysSoAndLeaves() throws {
        let outcome = try swarm.run(
            "dht", "lookup", hash, "--dht-bootstrap", "127.0.0.1:9", "--timeout", "300ms")
        #expect(outcome.status == ExitStatus.stalled.rawValue)
        #expect(outcome.error.contains("no DHT node answered"))
    }

    @Test func aPortThatIsTakenIsNamed() throws {
        let (_, address) = try node("one")
        let port = String(address.split(separator: ":")[1])
        let outcome = try swarm.run("dht", "node", "--bind", "127.0.0.1", "--port", port)
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("UDP port \(port)"))
        #expect(outcome.error.contains("ddress already in use"))
    }

    @Test(arguments: [
        ["dht", "put"], ["dht", "get"], ["dht", "get", "12"], ["dht", "ping", "here"],
        ["dht", "announce", String(repeating: "0", count: 40)], ["dht", "nodes"],
        ["dht", "put", "x", "--salt", "s"], ["dht", "put", "04:spam", "--bencoded"],
        ["dht", "put", String(repeating: "x", count: 1_000)],
        [
            "dht", "get", "--key", String(repeating: "0", count: 64), "--salt",
            String(repeating: "s", count: 65),
        ],
    ])
    func whatCannotBeMeantIsBadUsage(_ words: [String]) throws {
        let outcome = try swarm.runAll(words)
        #expect(outcome.status == ExitStatus.badUsage.rawValue)
        #expect(outcome.error.hasPrefix("swarm: "))
    }

    @Test func optionsOfNestedCommandsComeFromTheEnvironmentToo() throws {
        let (_, address) = try node("one")
        let outcome = try swarm.run(
            "dht", "lookup", hash,
            environment: ["SWARM_DHT_BOOTSTRAP": address, "SWARM_JSON": "1"])
        #expect(try outcome.objects().first?["target"] as? String == hash)
    }
}
