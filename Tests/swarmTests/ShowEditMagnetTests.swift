import Foundation
import Testing

@Suite(.ownThreads) struct ShowEditMagnetTests {
    private let folder: TemporaryFolder
    private let swarm: Binary

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        try folder.file("T.torrent", Self.torrent)
    }

    /// Written by hand: two files, two tiers of trackers, a web seed, a hostile comment.
    private static let info =
        "d5:filesld6:lengthi20000e4:pathl1:a5:b.txteed4:attr1:x6:lengthi1000e4:pathl5:c.bineee"
        + "4:name4:Film12:piece lengthi16384e6:pieces40:"
        + String(repeating: "x", count: 40) + "e"
    private static let torrent =
        "d8:announce11:http://t1/a13:announce-listll11:http://t1/a9:udp://t:1el11:http://t3/aee"
        + "7:comment7:a\u{1B}[2Jbb10:created by3:abc13:creation datei1700000000e4:info"
        + info + "8:url-list10:http://ws/e"

    @Test func showsEverythingForPeople() throws {
        let shown = try swarm.run("show", "T.torrent")
        #expect(shown.status == 0)
        #expect(shown.error == "")
        for line in [
            "name          Film", "version       v1",
            "size          20.5 KiB (21,000 bytes) in 2 files", "pieces        2 of 16 KiB",
            "private       no", "comment       a\\u{1b}[2Jbb", "created by    abc",
            "created       2023-11-14 22:13:20 UTC", "tracker 1     http://t1/a",
            "              udp://t:1", "tracker 2     http://t3/a", "web seed      http://ws/",
            "   1   19.5 KiB     │  └─ b.txt", "   2     1000 B     └─ c.bin  executable",
        ] {
            #expect(shown.lines.contains(line), "\(line)")
        }
    }

    @Test func showsEverythingForPrograms() throws {
        let shown = try swarm.run("show", "-", "--json", input: Data(Self.torrent.utf8))
        let object = try #require(try shown.objects().first)
        #expect(object["name"] as? String == "Film")
        #expect(object["size"] as? Int == 21_000)
        #expect(
            object["trackers"] as? [[String]] == [["http://t1/a", "udp://t:1"], ["http://t3/a"]])
        let files = try #require(object["files"] as? [[String: Any]])
        #expect(files.map { $0["path"] as? String } == ["a/b.txt", "c.bin"])
        #expect(files.map { $0["number"] as? Int } == [1, 2])
        #expect(shown.output.filter { $0 == "\n" }.count == 1)
    }

    @Test func withoutUnicodeTheTreeIsASCII() throws {
        let shown = try swarm.run("show", "T.torrent", environment: ["LC_ALL": "C"])
        #expect(isASCII(shown.output))
    }

    @Test func aBrokenTorrentIsOneLineAndStatus4() throws {
        try folder.file(
            "bad.torrent", Self.torrent.replacing("6:pieces40:x", with: "6:pieces39:"))
        let shown = try swarm.run("show", "bad.torrent")
        #expect(shown.status == 4)
        #expect(shown.output == "")
        #expect(shown.error == "swarm: bad.torrent: piece hashes: 39 bytes, not a multiple of 20\n")
        let json = try swarm.run("show", "bad.torrent", "--json")
        #expect(json.error.hasPrefix(#"{"error":{"code":4,"message":"bad.torrent: piece hashes"#))
    }

    @Test(arguments: ["nothing.torrent", ".", "T.torrent/x", "", "magnet:?xt=urn:btih:00"])
    func whatCannotBeReadIsStatus4(_ word: String) throws {
        for command in ["show", "magnet", "edit"] {
            let shown = try swarm.run(command, word)
            #expect(shown.status == 4, "\(shown)")
            #expect(shown.error.split(separator: "\n").count == 1)
        }
    }

    @Test func filesThatAreNoManifestAreNotReadToTheEnd() throws {
        try folder.file("big.torrent", Data(count: 10_000_001))
        let shown = try swarm.run("show", "big.torrent")
        #expect(shown.status == 4)
        #expect(shown.error.contains("more than 10,000,000 bytes"))
        #expect(try swarm.run("show", "/dev/zero").status == 4)
    }

    @Test func theMagnetLinkNamesTheTorrent() throws {
        let link = try swarm.run("magnet", "T.torrent")
        #expect(link.status == 0)
        let hash = try #require(
            try swarm.run("show", "T.torrent", "--json").objects().first?["info_hash"]
                as? [String: Any])
        let v1 = try #require(hash["v1"] as? String)
        #expect(link.output.hasPrefix("magnet:?xt=urn:btih:\(v1)&dn=Film"))
        #expect(link.output.contains("tr=") && link.output.hasSuffix("\n"))
        let json = try swarm.run("magnet", "T.torrent", "--json").objects().first
        #expect(json?["magnet"] as? String == link.lines.first)
    }

    @Test func outerChangesKeepTheInfoDictionaryByteForByte() throws {
        let edited = try swarm.run(
            "edit", "T.torrent", "-c", "new", "--add-tracker", "udp://new:1", "--add-tracker",
            "http://t1/a", "--remove-tracker", "http://t3/a", "-w", "", "--creation-date", "none",
            "--created-by", "")
        #expect(edited.status == 0)
        #expect(edited.error == "")
        let bytes = try folder.content("T.torrent")
        #expect(bytes.firstRange(of: Data(("4:info" + Self.info).utf8)) != nil)
        let object = try #require(try swarm.run("show", "T.torrent", "--json").objects().first)
        #expect(
            object["trackers"] as? [[String]] == [["http://t1/a", "udp://t:1"], ["udp://new:1"]])
        #expect(object["comment"] as? String == "new")
        #expect(object["web_seeds"] as? [String] == [])
        #expect(object["creation_date"] is NSNull)
        #expect(object["created_by"] is NSNull)
        #expect(folder.names.filter { $0.hasSuffix(".part") } == [])
    }

    @Test func trackersAreReplacedByTier() throws {
        _ = try swarm.run("edit", "T.torrent", "-t", "http://a/,http://b/", "-t", "udp://c:1")
        let object = try swarm.run("show", "T.torrent", "--json").objects().first
        #expect(object?["trackers"] as? [[String]] == [["http://a/", "http://b/"], ["udp://c:1"]])
        _ = try swarm.run("edit", "T.torrent", "-t", "")
        let none = try swarm.run("show", "T.torrent", "--json").objects().first
        #expect(none?["trackers"] as? [[String]] == [])
    }

    @Test(arguments: [["--private"], ["-s", "X"], ["--name", "Other"]])
    func anotherInfoHashIsSaidLoudly(_ options: [String]) throws {
        var arguments = ["edit", "T.torrent", "-q", "-o", "new.torrent"]
        arguments += options
        let process = try swarm.runAll(arguments)
        #expect(process.status == 0)
        #expect(process.error.hasPrefix("swarm: warning: this makes another torrent: "))
        #expect(try folder.content("T.torrent") == Data(Self.torrent.utf8))
        #expect(try folder.content("new.torrent") != Data(Self.torrent.utf8))
    }

    @Test func anotherTorrentIsNotOverwritten() throws {
        _ = try swarm.run("edit", "T.torrent", "-s", "X", "-o", "X.torrent")
        let before = try folder.content("X.torrent")
        let refused = try swarm.run("edit", "T.torrent", "-o", "X.torrent")
        #expect(refused.status == 5)
        #expect(refused.error.contains("X.torrent: exists and is not this torrent; replace it"))
        #expect(try folder.content("X.torrent") == before)
        #expect(try swarm.run("edit", "T.torrent", "-o", "X.torrent", "--force").status == 0)
        #expect(try folder.content("X.torrent") == Data(Self.torrent.utf8))
        // The same torrent with other trackers is the same torrent.
        #expect(try swarm.run("edit", "T.torrent", "-c", "y", "-o", "X.torrent").status == 0)
    }

    @Test func editingThroughALinkKeepsTheLinkAndTheMode() throws {
        let manager = FileManager.default
        try manager.createSymbolicLink(
            atPath: folder.path("L.torrent"), withDestinationPath: "T.torrent")
        try manager.setAttributes(
            [.posixPermissions: 0o640], ofItemAtPath: folder.path("T.torrent"))
        #expect(try swarm.run("edit", "L.torrent", "-c", "new").status == 0)
        #expect(
            try manager.destinationOfSymbolicLink(atPath: folder.path("L.torrent")) == "T.torrent")
        let mode = try manager.attributesOfItem(atPath: folder.path("T.torrent"))[.posixPermissions]
        #expect(mode as? Int == 0o640)
    }

    @Test func standardInputIsEditedToStandardOutput() throws {
        let edited = try swarm.run("edit", "-", "-c", "new", input: Data(Self.torrent.utf8))
        #expect(edited.output.contains("7:comment3:new"))
        #expect(edited.output.contains("4:info" + Self.info))
    }

    @Test func unwritablePlacesAreStatus5() throws {
        let refused = try swarm.run("edit", "T.torrent", "-o", "no/such/folder.torrent")
        #expect(refused.status == 5)
        #expect(refused.error == "swarm: no/such/folder.torrent: no such file or directory\n")
        let full = try swarm.run("edit", "T.torrent", "-o", "/dev/full")
        #expect(full.status == 5)
        #expect(FileManager.default.fileExists(atPath: "/dev/full"))
    }
}

@Suite(.ownThreads) struct UsageTests {
    private let swarm: Binary

    init() throws { swarm = Binary(folder: try TemporaryFolder()) }

    @Test(arguments: [
        [], ["nonsense"], ["show"], ["show", "--bogus", "x"], ["show", "x", "y"], ["--bogus"],
        ["show", "x", "--color", "mauve"], ["completions", "tcsh"],
        ["edit", "x", "--creation-date", "tomorrow"],
    ])
    func badUsageIsStatus2AndOneLine(_ arguments: [String]) throws {
        let outcome = try swarm.runAll(arguments)
        #expect(outcome.status == 2)
        #expect(outcome.output == "")
        #expect(outcome.error.hasPrefix("swarm: "))
        #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
    }

    @Test func helpAndVersionAreResults() throws {
        for arguments in [["--help"], ["show", "--help"], ["help", "edit"], ["--version"]] {
            let outcome = try swarm.runAll(arguments)
            #expect(outcome.status == 0)
            #expect(!outcome.output.isEmpty && outcome.error.isEmpty)
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func completionsNameEveryCommand(_ shell: String) throws {
        let script = try swarm.run("completions", shell)
        #expect(script.status == 0)
        for command in ["show", "edit", "magnet", "completions"] {
            #expect(script.output.contains(command))
        }
    }

    @Test func theEnvironmentIsReadAndNamedWhenItIsWrong() throws {
        let bad = try swarm.run("magnet", "x", environment: ["SWARM_COLOR": "mauve"])
        #expect(bad.status == 2)
        #expect(bad.error.contains("(from the environment)"))
        let json = try swarm.run("magnet", "x", environment: ["SWARM_JSON": "1"])
        #expect(json.status == 4)
        #expect(json.error.hasPrefix("{"))
    }

    @Test func resultsThatCannotBeWrittenAreStatus5() throws {
        let process = swarm.process(["completions", "bash"])
        process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 5)
    }

    @Test func aReaderThatHasSeenEnoughIsNoFailure() throws {
        let process = swarm.process(["completions", "bash"])
        let pipe = Pipe()
        process.standardOutput = pipe
        try pipe.fileHandleForReading.close()
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(process.terminationReason == .exit)
    }
}
