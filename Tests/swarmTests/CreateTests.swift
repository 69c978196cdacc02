import Foundation
import Metainfo
import Testing

@testable import swarm

@Suite(.ownThreads) struct CreateTests {
    private let folder: TemporaryFolder
    private let swarm: Binary

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        for file in Content.film.files { try folder.file("Film/\(file.path)", file.bytes) }
    }

    private func made(_ name: String = "Film.torrent") throws -> Metainfo {
        try Metainfo(Array(folder.content(name)))
    }

    @Test func writesTheTorrentBesideTheContentAndSaysItsLink() throws {
        let created = try swarm.run("create", "Film")
        #expect(created.status == 0)
        #expect(created.error == "")
        let metainfo = try made()
        #expect(created.lines == ["Film.torrent", metainfo.magnetLink.text])
        #expect(metainfo.layout.contentLength == 350_010)
        #expect(folder.names == ["Film", "Film.torrent", "stderr"])
        #expect(try swarm.run("verify", "Film.torrent").status == 0)
    }

    @Test(arguments: [("v1", Metainfo.Version.v1), ("v2", .v2), ("hybrid", .hybrid)])
    func makesEveryVersion(_ word: String, _ version: Metainfo.Version) throws {
        let created = try swarm.run("create", "Film", "--format", word, "--piece-length", "32k")
        #expect(created.status == 0)
        #expect(try made().version == version)
        #expect(try made().layout.pieceLength == 32_768)
        #expect(try swarm.run("verify", "Film.torrent").status == 0)
    }

    @Test func anEqualTorrentIsMadeAsOthersMakeIt() throws {
        _ = try swarm.run("create", "Film", "--format", "v1", "--piece-length", "16k")
        #expect(try made().infoHash == Content.film.manifest().infoHash)
    }

    @Test func everyOptionIsInTheTorrent() throws {
        let created = try swarm.run(
            "create", "Film/", "-o", "x.torrent", "-t", "http://a/,udp://b:1", "-t", "http://c/",
            "-w", "http://w/", "-p", "-c", "Comment", "-s", "Source", "--name", "Name",
            "--exclude", "*.bin", "--creation-date", "86400", "--json")
        #expect(created.status == 0)
        let metainfo = try made("x.torrent")
        #expect(metainfo.announceTiers == [["http://a/", "udp://b:1"], ["http://c/"]])
        #expect(metainfo.webSeeds == ["http://w/"])
        #expect(metainfo.isPrivate)
        #expect(metainfo.comment == "Comment")
        #expect(metainfo.source == "Source")
        #expect(metainfo.name == "Name")
        #expect(metainfo.creationDate == 86_400)
        #expect(metainfo.shownFiles.map(\.entry.path) == [["a", "b.txt"], ["d"], ["e"]])
        let json = try #require(created.objects().first)
        #expect(json["torrent"] as? String == "x.torrent")
        #expect(json["magnet"] as? String == metainfo.magnetLink.text)
        _ = try swarm.run("create", "Film", "--creation-date", "none", "--include", "a/*")
        #expect(try made().creationDate == nil)
        #expect(try made().shownFiles.count == 1)
    }

    @Test func theSameOptionsAndContentMakeTheSameBytes() throws {
        for name in ["1.torrent", "2.torrent"] {
            _ = try swarm.run("create", "Film", "-o", name, "--creation-date", "0")
        }
        #expect(try folder.content("1.torrent") == folder.content("2.torrent"))
    }

    @Test func anotherTorrentIsKeptUnlessForced() throws {
        try folder.file("Film.torrent", "precious")
        let refused = try swarm.run("create", "Film")
        #expect(refused.status == 5)
        #expect(try folder.content("Film.torrent") == Data("precious".utf8))
        #expect(try swarm.run("create", "Film", "--force").status == 0)
        // The same torrent may be made again, with another comment too.
        #expect(try swarm.run("create", "Film", "-c", "again").status == 0)
        #expect(try made().comment == "again")
        // With a byte changed it is another, which shows only in the end.
        var bytes = try folder.content("Film/e")
        bytes[0] ^= 1
        try folder.file("Film/e", bytes)
        #expect(try swarm.run("create", "Film").status == 5)
        #expect(folder.names.filter { $0.hasSuffix(".part") } == [])
    }

    @Test func standardOutputGetsTheTorrentAlone() throws {
        let created = try swarm.run(
            "create", "Film", "-o", "-", "--creation-date", "none", "--format", "v1")
        #expect(created.output.hasPrefix("d10:created by"))
        #expect(folder.names == ["Film", "stderr"])
    }

    @Test func foldersByTheirRelativeNameHaveTheirRealOne() throws {
        let process = swarm.process(["create", "."])
        process.currentDirectoryURL = folder.url.appending(path: "Film")
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try made().name == "Film")
    }

    @Test func whatCannotBeSharedIsNamed() throws {
        let missing = try swarm.run("create", "nowhere")
        #expect(missing.status == 4)
        #expect(missing.error == "swarm: nowhere: no such file or folder\n")
        #expect(try swarm.run("create", "Film", "--exclude", "*").status == 4)
        let length = try swarm.run("create", "Film", "--piece-length", "17k")
        #expect(length.status == 2)
        let pattern = try swarm.run("create", "Film", "--include", "[a")
        #expect(pattern.status == 2)
        #expect(try swarm.run("create", "Film", "--format", "v3").status == 2)
        let unwritable = try swarm.run("create", "Film", "-o", "no/such/x.torrent")
        #expect(unwritable.status == 5)
        #expect(folder.names == ["Film", "stderr"])
    }

    @Test func aPrivateTorrentWithoutTrackersIsWarnedOf() throws {
        let created = try swarm.run("create", "Film", "-p", "-q")
        #expect(created.status == 0)
        #expect(created.error.hasPrefix("swarm: warning: a private torrent without a tracker"))
    }
}
