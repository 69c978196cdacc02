import JSONText
import Terminal
import Testing
import Units

@testable import swarm

private func torrents() throws -> [RemoteTorrent] {
    try StubTorrents.all.map { text in
        try #require(RemoteTorrent(JSON(parsing: text)))
    }
}

private func torrent(_ id: Int, _ name: String, hash: String = "") throws -> RemoteTorrent {
    try #require(
        RemoteTorrent([
            "id": .count(id), "name": .string(name), "infoHash": .string(hash),
        ]))
}

@Suite(.ownThreads) struct TorrentNamesTests {
    private func ids(_ words: String...) throws -> [Int64] {
        try TorrentNames(torrents()).find(words).map(\.id)
    }

    @Test func numbersRangesHashesAndNamesAreUnderstood() throws {
        #expect(try ids("2") == [2])
        #expect(try ids("2-5") == [2, 5])
        #expect(try ids("ab34") == [2])
        #expect(try ids("AB34AB") == [2])
        #expect(try ids(StubTorrents.hashes[2]) == [5])
        #expect(try ids("A song") == [2])
        #expect(try ids("all") == [1, 2, 5])
        #expect(try ids("5", "all", "1") == [5, 1, 2])
    }

    @Test func aWordThatMeansNothingOrTooMuchIsRefused() throws {
        let twins = try [
            torrent(1, "same", hash: "abcd11"), torrent(2, "same", hash: "abcd22"),
            torrent(3, "abcd2"),
        ]
        let names = TorrentNames(twins)
        let failure = Failure(
            .failed, "same", "means 2 torrents: 1, 2", remedy: "name it by its number")
        #expect(throws: failure) { try names.find(["same"]) }
        #expect(throws: Failure.self) { try names.find(["abcd"]) }
        // A name counts as much as the beginning of another one's hash.
        #expect(throws: Failure.self) { try names.find(["abcd2"]) }
        #expect(try names.find(["abcd1"]).map(\.id) == [1])
        for word in ["9", "8-9", "abc", "", "3-", "-", "4-2", "99999999999999999999"] {
            #expect(throws: Failure.self, "\(word)") { try names.find([word]) }
        }
    }
}

@Suite(.ownThreads) struct TorrentFilterTests {
    private func ids(_ filter: TorrentFilter) throws -> [Int64] {
        try torrents().filter(filter.admits).map(\.id)
    }

    @Test func torrentsAreNarrowedByStateLabelAndCategory() throws {
        #expect(try ids(TorrentFilter()) == [1, 2, 5])
        #expect(try ids(TorrentFilter(states: parseStates("seeding,metadata"))) == [2, 5])
        #expect(try ids(TorrentFilter(states: [.active])) == [1, 2])
        #expect(try ids(TorrentFilter(states: [.complete])) == [2])
        #expect(try ids(TorrentFilter(states: [.incomplete], labels: ["hd"])) == [1, 5])
        #expect(try ids(TorrentFilter(states: [.trouble])) == [1])
        #expect(try ids(TorrentFilter(labels: ["hd", "new"])) == [1])
        #expect(try ids(TorrentFilter(categories: [""])) == [2, 5])
        #expect(try ids(TorrentFilter(categories: ["", "films"])) == [1, 2, 5])
        #expect(throws: UnknownWord.self) { try parseStates("seeding,asleep") }
    }

    @Test func everyStateHasOneWord() {
        let words = TorrentFilter.State.allCases.map(\.word)
        #expect(Set(words).count == words.count)
        #expect(words.allSatisfy { $0.allSatisfy { $0.isLowercase || $0 == "-" } })
    }

    @Test func ordersAreStableAndCanBeReversed() throws {
        let all = try torrents()
        #expect(TorrentOrder.down.sorted(all).map(\.id) == [1, 2, 5])
        #expect(TorrentOrder.down.sorted(all, isReversed: true).map(\.id) == [2, 5, 1])
        #expect(TorrentOrder.name.sorted(all).map(\.id) == [2, 5, 1])
        #expect(TorrentOrder.ratio.sorted(all).map(\.id) == [2, 1, 5])
        #expect(TorrentOrder.done.sorted(all).map(\.id) == [2, 1, 5])
        #expect(TorrentOrder.added.sorted(all).map(\.id) == [5, 2, 1])
        for order in TorrentOrder.allCases { #expect(order.sorted(all).count == 3) }
    }
}

@Suite(.ownThreads) struct TorrentTableTests {
    @Test func aWideTerminalShowsEverything() throws {
        let lines = try List.table(torrents(), width: 160, isUnicode: true).map(\.plainText)
        #expect(
            lines[0].split(separator: " ") == [
                "ID", "NAME", "STATE", "DONE", "SIZE", "DOWN", "UP", "LEFT", "RATIO", "PEERS",
                "CATEGORY", "LABELS",
            ])
        #expect(
            lines[1].split(separator: " ").joined(separator: " ")
                == "1 Film downloading 50.0% 2.0 GiB 1.0 MiB/s 2.0 KiB/s 17m04s 0.50 7 films hd,new"
        )
        #expect(
            lines[2].split(separator: " ").joined(separator: " ")
                == "2 A song seeding 100% 4.0 KiB 512 B/s 2.00 1")
        #expect(lines[3].hasPrefix(" 5  b\\u{1b}[31m  metadata"))
        #expect(
            lines[4]
                == "3 torrents, 2.0 GiB: 1 downloading, 1 seeding; "
                + "↓ 1.0 MiB/s  ↑ 2.5 KiB/s  8 peers"
        )
    }

    @Test func everyTerminalIsFittedAndNamesOutliveTheRest() throws {
        for width in 1...200 {
            let lines = try List.table(torrents(), width: width, isUnicode: true)
            for line in lines {
                #expect(line.columns <= width, "\(width): \(line.plainText)")
            }
            if width >= 24 { #expect(lines[1].plainText.contains("Film")) }
        }
    }

    @Test func nothingInAPipeIsLeftOutOrRounded() throws {
        let cells = try List.tabbed(torrents()[0]).split(
            separator: "\t", omittingEmptySubsequences: false)
        #expect(
            cells == [
                "1", Substring(StubTorrents.hashes[0]), "downloading", "1073741824",
                "2147483648", "1048576", "2048", "0.50", "7", "1024", "1700000000", "films",
                "hd,new", "/data", "Film",
            ])
        let link = try List.tabbed(torrents()[2])
        #expect(link.hasSuffix("\tb\\u{1b}[31m"))
        #expect(link.contains("\tmetadata\t0\t\t0\t0\t\t0\t\t"))
    }
}

@Suite(.ownThreads) struct TorrentTextTests {
    @Test func everythingIsSaidOfATorrent() throws {
        let all = try torrents()
        let lines = TorrentInfoText(torrent: all[0]).lines.map(\.plainText)
        for line in [
            "name          Film", "state         downloading, 50.0%, 17m04s left",
            "trouble       slow down", "size          2.0 GiB (2,147,483,648 bytes) in 3 files",
            "pieces        2,048 of 1 MiB", "there         1.0 GiB of 2.0 GiB wanted",
            "up            2.0 KiB/s, 512 MiB in all, ratio 0.50",
            "peers         7 connected (2 seeds), 40 known",
            "in the swarm  9 seeds, 12 others", "labels        hd, new", "flags         private",
            "limits        down 5.0 MiB/s, ratio 2.00, idle unlimited",
        ] {
            #expect(lines.contains(line), "\(line) is not in \(lines)")
        }
        let old: JSON = ["id": 1, "secondsDownloading": 19, "secondsSeeding": 60]
        let times = TorrentInfoText(torrent: try #require(RemoteTorrent(old))).lines
        #expect(times.map(\.plainText).contains("fetched for   19s"))
        #expect(times.map(\.plainText).contains("seeded for    1m00s"))
        for line in TorrentInfoText(torrent: all[2]).lines {
            #expect(!line.plainText.contains("\u{1B}"))
        }
    }

    @Test func whatWaitsIsNotCalledPaused() throws {
        for (state, word) in [("queued", "queued"), ("waitingForStorage", "no-disk")] {
            let torrent = try #require(RemoteTorrent(["id": 1, "state": .string(state)]))
            #expect(torrent.live.phase == .waiting(word))
        }
    }

    @Test func wordsOfStrangersCannotSteerTheTerminal() throws {
        let evil = "\u{1B}]0;x\u{7}\u{202E}\n"
        let parts: JSON = [
            [
                "path": .string("d/" + evil), "client": .string(evil), "flags": .string(evil),
                "endpoint": .string(evil), "url": .string(evil), "message": .string(evil),
                "state": .string(evil), "text": .string(evil), "kind": .string(evil),
                "priority": .string(evil),
            ]
        ]
        let list = parts.elements ?? []
        for part in [TorrentPart.files, .peers, .trackers, .why] {
            let text = part.lines(list, isUnicode: true).map(\.plainText).joined()
            #expect(text.contains("\\u{1b}"))
            #expect(terminalSafe(text) == text)
        }
    }

    @Test func trackersSayWhenTheyAreAskedAgain() {
        let tracker: JSON = [
            "url": "http://t/a", "tier": 1, "state": "failed", "message": "not registered",
            "seeds": 3, "nextAnnounce": 1_090,
        ]
        let lines = TorrentPartsText.trackers([tracker], now: 1_000).map(\.plainText)
        #expect(
            lines == [
                "tier 2  http://t/a", "        failed, 3 seeds, again in 1m30s: not registered",
            ])
    }

    @Test("R10 a torrent's name reaches no shell as a completion")
    func completionsAreInert() throws {
        let evil = [
            "$(reboot)", "`id`", "a b", "a;b", "-rf", "a\nb", "é", "'", "*", "~x", "#x", "!x",
            "a&b",
        ]
        let all = try evil.enumerated().map { try torrent($0, $1) } + [torrent(77, "Good-name_1.0")]
        let words = TorrentsArgument.completions(of: all, beginningWith: "")
        #expect(Set(words) == Set(evil.indices.map { "\($0)" } + ["77", "Good-name_1.0", "all"]))
        let hashed = try [torrent(1, "x", hash: "abcd")]
        #expect(TorrentsArgument.completions(of: hashed, beginningWith: "ab") == ["abcd"])
    }

    @Test func completionsAskTheDaemonThatTheLineMeans() {
        #expect(
            TorrentsArgument.daemonWords(
                ["swarm", "--api", "h:1", "info", "--token-file=t", "--config"],
                environment: ["SWARM_API": "no:1", "SWARM_API_SOCKET": "/s"])
                == ["--api", "h:1", "--token-file=t"])
        #expect(
            TorrentsArgument.daemonWords(
                ["swarm", "info", "--no-config"],
                environment: ["SWARM_API_SOCKET": "/s", "SWARM_CONFIG": "/c"])
                == ["--api-socket=/s", "--no-config"])
        #expect(
            TorrentsArgument.daemonWords(["swarm", "info"], environment: ["SWARM_NO_CONFIG": "1"])
                == ["--no-config"])
    }
}

@Suite(.ownThreads) struct TopScreenTests {
    private func screen() throws -> TopScreen {
        var screen = TopScreen(
            place: "here", filter: TorrentFilter(), order: .id, isReversed: false)
        screen.take(try torrents())
        return screen
    }

    private let room = LiveBlock(width: 100, height: 10, isUnicode: true)

    @Test func keysChooseAndAsk() throws {
        var screen = try screen()
        #expect(screen.press(.character("p")) == .pause(1))
        #expect(screen.press(.down) == nil)
        #expect(screen.press(.character(" ")) == .pause(2))
        #expect(screen.press(.end) == nil)
        #expect(screen.press(.pageDown) == nil)
        #expect(screen.press(.character("p")) == .pause(5))
        #expect(screen.press(.home) == nil)
        #expect(screen.press(.up) == nil)
        #expect(screen.press(.character("p")) == .pause(1))
        #expect(screen.press(.character("x")) == nil)
        #expect(screen.press(.character("q")) == .quit)
    }

    @Test func theChosenTorrentStaysChosenWhenTheOrderChanges() throws {
        var screen = try screen()
        _ = screen.press(.character("r"))
        #expect(screen.press(.character("p")) == .pause(1))
        let lines = screen.lines(in: room).map(\.plainText)
        #expect(lines[4].hasPrefix("▸  1  Film"))
        #expect(lines.last?.contains("sort: id (reversed)") == true)
        // Once it is gone, the first is.
        screen.take(Array(try torrents().dropFirst()))
        #expect(screen.press(.character("p")) == .pause(5))
    }

    @Test func aFilterThatNothingPassesShowsAnEmptyList() throws {
        var screen = try screen()
        for _ in 0..<4 { _ = screen.press(.character("f")) }
        let lines = screen.lines(in: room).map(\.plainText)
        #expect(lines.last?.contains("f filter: paused  0 of 3 shown") == true)
        #expect(lines.count == 3)
        #expect(screen.press(.character("p")) == nil)
        #expect(screen.press(.down) == nil)
    }

    @Test func everyTerminalIsFitted() throws {
        var screen = try screen()
        for width in 1...120 {
            for height in 1...8 {
                let room = LiveBlock(width: width, height: height, isUnicode: true)
                let lines = screen.lines(in: room)
                #expect(lines.count <= height)
                for line in lines { #expect(line.columns <= width) }
            }
        }
    }

    @Test func theChosenLineIsInSight() throws {
        var screen = TopScreen(
            place: "", filter: TorrentFilter(), order: .id, isReversed: false)
        screen.take(try (1...50).map { try torrent($0, "t\($0)") })
        for _ in 0..<30 {
            _ = screen.press(.down)
            #expect(screen.lines(in: room).contains { $0.plainText.hasPrefix("▸") })
        }
        _ = screen.press(.home)
        #expect(screen.lines(in: room)[2].plainText.hasPrefix("▸  1"))
    }

    @Test func keysAreReadAsTerminalsSendThem() {
        let bytes = Array(
            "q\u{1B}[A\u{1B}OB\u{1B}[5~\u{1B}[6~\u{1B}[1;5H\u{1B}[Fj\u{1}\u{1B}[".utf8)
        #expect(
            Key.keys(in: bytes) == [
                .character("q"), .up, .down, .pageUp, .pageDown, .home, .end, .character("j"),
            ])
    }

    @Test func changesAreTakenUpAndAnIncompleteAnswerReplacesAll() throws {
        var list = RemoteList()
        list.take(try JSON(parsing: #"{"revision":3,"changed":[{"id":1},{"id":2}],"removed":[]}"#))
        list.take(try JSON(parsing: #"{"revision":4,"changed":[{"id":3}],"removed":[1]}"#))
        #expect(list.revision == 4)
        #expect(Set(list.torrents.map(\.id)) == [2, 3])
        list.take(try JSON(parsing: #"{"revision":9,"isComplete":false,"changed":[{"id":7}]}"#))
        #expect(list.torrents.map(\.id) == [7])
    }
}
