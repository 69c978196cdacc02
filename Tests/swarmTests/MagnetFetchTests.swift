import Foundation
import Glibc
import Metainfo
import Testing

@testable import swarm

/// What is known of a torrent is its link: two programs on this machine, without a tracker.
@Suite(.ownThreads, .serialized, .timeLimit(.minutes(10))) struct MagnetFetchTests {
    private let folder: TemporaryFolder
    private let swarm: Binary
    private let link: String
    /// Programs that live as long as the test.
    private let seeders = Seeders()

    private final class Seeders {
        var all: [Running] = []
    }

    /// The environment of those that take part in the DHT.
    private let inDHT = ["SWARM_NO_DHT": "0", "SWARM_BIND": "127.0.0.1"]

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        try Content.film.write(to: folder)
        link = try Content.film.manifest().magnetLink.text
    }

    /// A seed that begins a DHT of its own: its only way in is nobody.
    private func seed() throws -> (Running, port: Int) {
        let seeder = try Running(
            swarm,
            [
                "seed", "Film.torrent", "--state-dir", folder.path("seed-state"),
                "--dht-bootstrap", "127.0.0.1:1",
            ], environment: inDHT)
        seeders.all.append(seeder)
        let seeding = try seeder.event("seeding")
        #expect(seeding["magnet"] as? String == link)
        return (seeder, seeding["port"] as? Int ?? 0)
    }

    private func fetch(_ words: String..., knowing port: Int) throws -> Running {
        try Running(
            swarm,
            ["fetch", "-o", "out", "--state-dir", folder.path("fetch-state")]
                + ["--dht-bootstrap", "127.0.0.1:\(port)", "--stall-timeout", "30s"] + words,
            environment: inDHT)
    }

    @Test func aLinkAndOneNodeOfTheDHTAreEnough() throws {
        let (seeder, port) = try seed()
        let fetcher = try fetch(link, "--save-torrent", "saved.torrent", knowing: port)
        #expect(try fetcher.next()?["event"] as? String == "fetching_metadata")
        let metadata = try fetcher.event("metadata")
        #expect(metadata["name"] as? String == "Film")
        #expect(metadata["files"] as? Int == Content.film.files.count)
        _ = try fetcher.event("started")
        _ = try fetcher.event("completed")
        #expect(try fetcher.end().status == 0, "\(fetcher.errorText)")
        for file in Content.film.files {
            #expect(try folder.content("out/Film/\(file.path)") == file.bytes, "\(file.path)")
        }
        let saved = try Metainfo(Array(folder.content("saved.torrent")))
        #expect(try saved.infoHash == Content.film.manifest().infoHash)
        // It is known from now on: nobody is asked again.
        let again = try fetch("\(saved.infoHash)", knowing: 1)
        #expect(try again.next()?["event"] as? String == "metadata")
        #expect(try again.next()?["event"] as? String == "resumed")
        #expect(try again.end().status == 0)
        seeder.signal(SIGINT)
        #expect(try seeder.end().status == 130)
    }

    @Test func aLinkIsListedWithoutFetchingWhatItNames() throws {
        let (_, port) = try seed()
        let listed = try swarm.runAll(
            [
                "fetch", "--list", link, "-o", "out", "--state-dir", folder.path("fetch-state"),
                "--dht-bootstrap", "127.0.0.1:\(port)", "--stall-timeout", "30s",
            ], environment: inDHT)
        #expect(listed.status == 0, "\(listed.error)")
        let known = try swarm.run("fetch", "--list", "Film.torrent")
        #expect(listed.output == known.output)
        #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    }

    @Test func filesAreChosenWhenTheyAreKnown() throws {
        let (_, port) = try seed()
        let fetcher = try fetch(link, "--match", "*.bin", knowing: port)
        #expect(try fetcher.end().status == 0, "\(fetcher.errorText)")
        #expect(FileManager.default.fileExists(atPath: folder.path("out/Film/c.bin")))
        #expect(!FileManager.default.fileExists(atPath: folder.path("out/Film/e")))
        let refused = try fetch(link, "--files", "99", knowing: port)
        #expect(try refused.end().status == 2)
        #expect(refused.errorText.contains("no file 99"))
    }

    @Test("M19 a neighbour whom a link names is not dialled, and that is said")
    func m19Neighbour() throws {
        let fetcher = try Running(
            swarm,
            [
                "fetch", link + "&x.pe=192.168.0.1:22", "--stall-timeout", "1s",
                "--state-dir", folder.path("fetch-state"),
            ])
        #expect(try fetcher.end().status == 9)
        #expect(fetcher.errorText.contains("192.168.0.1:22 is at a local address"))
    }
}
