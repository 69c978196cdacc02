import Foundation
import Glibc
import Metainfo
import Testing

@testable import swarm

/// Two programs on this machine: one seeds, one fetches.
@Suite(.ownThreads, .serialized, .timeLimit(.minutes(10))) struct SeedFetchTests {
    private let folder: TemporaryFolder
    private let swarm: Binary
    /// Programs that live as long as the test.
    private let seeders = Seeders()

    private final class Seeders {
        var all: [Running] = []
    }

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        try Content.film.write(to: folder)
    }

    private func seed(_ options: String...) throws -> (Running, port: Int) {
        let seeder = try Running(
            swarm, ["seed", "Film.torrent", "--state-dir", folder.path("seed-state")] + options)
        seeders.all.append(seeder)
        let seeding = try seeder.event("seeding")
        return (seeder, seeding["port"] as? Int ?? 0)
    }

    private func fetch(_ port: Int, _ options: String...) throws -> Running {
        try Running(
            swarm,
            [
                "fetch", "Film.torrent", "-o", "out", "--peer", "127.0.0.1:\(port)",
                "--no-dht", "--no-lsd", "--no-pex", "--no-utp",
                "--state-dir", folder.path("fetch-state"),
            ] + options)
    }

    private func expectWhole(_ except: Set<String> = []) throws {
        for file in Content.film.files where !except.contains(file.path) {
            #expect(try folder.content("out/Film/\(file.path)") == file.bytes, "\(file.path)")
        }
    }

    @Test func contentComesOverWholeAndTheFetchEnds() throws {
        let (seeder, port) = try seed()
        let fetcher = try fetch(port, "--no-seed")
        #expect(try fetcher.next()?["event"] as? String == "started")
        let completed = try fetcher.event("completed")
        #expect(completed["path"] as? String == "out/Film")
        #expect(completed["downloaded"] as? Int == 350_010)
        let end = try fetcher.end()
        #expect(end.events == [])
        #expect(end.status == 0, "\(fetcher.errorText)")
        try expectWhole()
        seeder.signal(SIGINT)
        #expect(try seeder.end().status == 130)
    }

    @Test func whatIsThereIsResumedAndNotFetchedAgain() throws {
        let (_, port) = try seed()
        #expect(try fetch(port).end().status == 0)
        let again = try fetch(port)
        let first = try #require(try again.next())
        #expect(first["event"] as? String == "resumed")
        #expect(first["rehashed_bytes"] as? Int == 0)
        #expect(first["bytes_done"] as? Int == 350_010)
        let completed = try again.event("completed")
        #expect(completed["downloaded"] as? Int == 0)
        #expect(try again.end().status == 0)
    }

    @Test func aFolderIsSharedAndItsTorrentWritten() throws {
        let seeder = try Running(
            swarm,
            ["seed", "Film", "--force", "--state-dir", folder.path("seed-state"), "--no-trackers"])
        let created = try seeder.event("created")
        #expect(created["torrent"] as? String == "Film.torrent")
        let port = try seeder.event("seeding")["port"] as? Int ?? 0
        #expect(try fetch(port).end().status == 0)
        try expectWhole()
        seeder.signal(SIGTERM)
        #expect(try seeder.end().status == 143)
    }

    @Test func contentThatIsNotWholeIsNotSeeded() throws {
        try FileManager.default.removeItem(atPath: folder.path("Film/c.bin"))
        let seeder = try Running(
            swarm, ["seed", "Film.torrent", "--state-dir", folder.path("seed-state")])
        #expect(try seeder.end().status == 6)
        #expect(seeder.errorText.contains("Film: "))
        let nowhere = try Running(
            swarm,
            ["seed", "Film.torrent", "--data", "home", "--state-dir", folder.path("seed-state")])
        #expect(try nowhere.end().status != 0)
    }

    @Test func onlyTheChosenFilesAreFetched() throws {
        let (_, port) = try seed()
        #expect(try fetch(port, "--files", "1,3", "--match", "a/*").end().status == 0)
        try expectWhole(["c.bin", "e"])
        #expect(!FileManager.default.fileExists(atPath: folder.path("out/Film/c.bin")))
        #expect(!FileManager.default.fileExists(atPath: folder.path("out/Film/e")))
    }

    @Test func theUsersCommandRunsWhenAllIsThere() throws {
        let (_, port) = try seed()
        let command =
            "printf '%s %s' \"$SWARM_TORRENT_NAME\" \"$TR_TORRENT_DIR\" > hook; exit 3"
        let fetcher = try fetch(port, "--on-complete", command)
        #expect(try fetcher.end().status == 1)
        #expect(fetcher.errorText.contains("ended with status 3"))
        #expect(try folder.content("hook") == Data("Film out".utf8))
    }

    @Test func aFetchThatStandsStillEndsWithStatus9() throws {
        let fetcher = try Running(
            swarm,
            [
                "fetch", "Film.torrent", "-o", "out", "--stall-timeout", "1s",
                "--state-dir", folder.path("fetch-state"),
            ])
        #expect(try fetcher.end().status == 9)
        #expect(fetcher.errorText.contains("nothing came for 1s"))
    }

    @Test func aFetchThatIsInterruptedSaysSoAndGoesOnLater() throws {
        let (_, port) = try seed()
        let fetcher = try fetch(port, "--down-limit", "10k")
        _ = try fetcher.event("progress")
        fetcher.signal(SIGINT)
        #expect(try fetcher.end().status == 130)
        let again = try fetch(port)
        #expect(try again.end().status == 0)
        try expectWhole()
    }

    @Test func seedingEndsAtItsGoal() throws {
        let (_, port) = try seed()
        let fetcher = try fetch(port, "--seed-time", "1s")
        _ = try fetcher.event("completed")
        #expect(try fetcher.end().status == 0)
    }

    @Test func aLinkThatNobodyKnowsEndsWithStatus9() throws {
        for source in [
            "magnet:?xt=urn:btih:0123456789012345678901234567890123456789&dn=x",
            "0123456789012345678901234567890123456789",
        ] {
            let fetcher = try Running(
                swarm,
                [
                    "fetch", source, "-o", "out", "--stall-timeout", "1s", "--no-dht", "--no-lsd",
                    "--state-dir", folder.path("fetch-state"),
                ])
            #expect(try fetcher.next()?["event"] as? String == "fetching_metadata")
            let progress = try fetcher.event("progress")
            #expect(progress["state"] as? String == "fetching_metadata")
            #expect(try fetcher.end().status == 9)
            #expect(fetcher.errorText.contains("nothing came for 1s"))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    }

    @Test func whatIsNoTorrentSaysSo() throws {
        #expect(try swarm.run("fetch", "magnet:?xt=x").status == 4)
        #expect(try swarm.run("fetch", "Film.torrent", "--files", "5").status == 2)
        #expect(try swarm.run("fetch", "Film.torrent", "--match", "*.zip").status == 2)
        let list = try swarm.run("fetch", "Film.torrent", "--list")
        #expect(list.status == 0)
        #expect(list.lines.count == 6)
        #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    }

    @Test func anAddressThatIsNotOursIsOneLine() throws {
        let refused = try swarm.run(
            "seed", "Film.torrent", "--bind", "203.0.113.7", "--state-dir", folder.path("s"))
        #expect(refused.status == 1)
        #expect(refused.error == "swarm: 203.0.113.7: not an IP address of this machine\n")
    }

    @Test func anotherTorrentMayFailWhileOneIsFetched() throws {
        let (_, port) = try seed()
        try folder.file("out/Other", "is in the way of a folder")
        let other = Content(name: "Other", files: [("x", testBytes(20_000))])
        try folder.file("Other.torrent", Data(other.manifest().encoded()))
        let fetcher = try fetch(port, "Other.torrent")
        let end = try fetcher.end()
        #expect(end.events.contains("completed"))
        #expect(end.status == 5)
        #expect(fetcher.errorText.contains("Other"))
        try expectWhole()
    }
}
