import JSONText
import Testing
import Units

@testable import swarm

private func torrent(
    _ name: String = "Film", _ phase: LiveTorrent.Phase = .downloading, pieces: Int = 100,
    have: Int = 47
) -> LiveTorrent {
    var field = Bitfield(count: pieces)
    for piece in 0..<have { field.insert(PieceIndex(piece)) }
    var torrent = LiveTorrent(
        name: name, phase: phase, bytesWanted: 1_000_000, bytesDone: Int64(have) * 10_000,
        have: field)
    torrent.availability = Array(repeating: 2, count: pieces)
    torrent.downloadRate = ByteRate(bytesPerSecond: 2_097_152)
    torrent.uploadRate = ByteRate(bytesPerSecond: 1_024)
    torrent.peersConnected = 23
    torrent.seedsConnected = 5
    torrent.peersKnown = 120
    torrent.timeLeft = .seconds(200)
    return torrent
}

@Suite(.ownThreads) struct LiveBlockTests {
    @Test func showsNameStateBarPiecesAndRates() {
        let lines = LiveBlock(width: 101, height: 24, isUnicode: true).lines([torrent()])
            .map(\.plainText)
        #expect(lines.count == 4)
        #expect(lines[0].hasPrefix("Film  ") && lines[0].hasSuffix("  downloading"))
        #expect(lines[1].contains(" 47.0%  459 KiB of 977 KiB  3m20s left"))
        #expect(lines[1].hasPrefix(String(repeating: "█", count: 18)))
        #expect(
            lines[2]
                == String(repeating: "█", count: 47) + String(repeating: "░", count: 53))
        #expect(
            lines[3]
                == "↓ 2.0 MiB/s (0 B)  ↑ 1.0 KiB/s (0 B)  23 peers (5 seeds, 120 known)")
    }

    @Test func whatATorrentIsIsFetchedBeforeItsContent() {
        var unknown = torrent("Film", .fetchingMetadata, pieces: 0, have: 0)
        unknown.bytesWanted = 0
        unknown.timeLeft = nil
        let block = LiveBlock(width: 101, height: 24, isUnicode: true)
        let lines = block.lines([unknown]).map(\.plainText)
        #expect(lines.count == 3)
        #expect(lines[0].hasSuffix("  fetching metadata"))
        #expect(lines[1] == "looking for peers that know what it is")
        #expect(ProgressText.line(unknown) == "Film: fetching metadata, 23 peers")
        unknown.bytesWanted = 131_072
        unknown.bytesDone = 16_384
        #expect(block.lines([unknown])[1].plainText.contains(" 12.5%  16.0 KiB of 128 KiB"))
        #expect(
            ProgressText.line(unknown) == "Film: fetching metadata, 12.5% of 128 KiB, 23 peers")
        let json = ProgressText.json(unknown, infoHash: "ab").text
        #expect(json.contains(#""state":"fetching_metadata""#))
        let brief = LiveBlock(width: 101, height: 3, isUnicode: true)
            .lines([unknown, torrent()]).map(\.plainText)
        #expect(brief[0].contains("metadata"))
    }

    @Test func withoutUnicodeEverythingIsASCII() {
        var bad = torrent(String(repeating: "long ", count: 40))
        bad.availability[99] = 0
        bad.ratio = 0.5
        let block = LiveBlock(width: 80, height: 24, isUnicode: false)
        for line in block.lines([bad]) + block.lines(Array(repeating: bad, count: 40)) {
            #expect(isASCII(line.plainText), "\(line.plainText)")
        }
    }

    @Test(arguments: [1, 2, 8, 20, 40, 79, 80, 200, 500])
    func fitsEveryTerminal(_ width: Int) {
        let name = "日本語 👍 \u{1B}[2J " + String(repeating: "x", count: 100)
        for height in [1, 2, 3, 5, 24] {
            for count in [0, 1, 3, 30] {
                let block = LiveBlock(width: width, height: height, isUnicode: true)
                let lines = block.lines(
                    (0..<count).map { torrent("\($0)" + name, .failed("a\nb"), have: $0) })
                #expect(lines.count <= max(1, height - 1))
                for line in lines {
                    #expect(line.columns <= max(1, width - 1))
                    #expect(isSafeInTerminal(line.plainText))
                }
            }
        }
    }

    @Test func manyTorrentsTakeALineEachAndTheRestIsSummedUp() {
        let torrents = (0..<10).map { torrent("T\($0)", $0 < 8 ? .seeding : .downloading) }
        let all = LiveBlock(width: 120, height: 12, isUnicode: true).lines(torrents)
        #expect(all.count == 10)
        let some = LiveBlock(width: 120, height: 6, isUnicode: true).lines(torrents)
            .map(\.plainText)
        #expect(some.count == 5)
        #expect(some[0].hasPrefix("T8 ") && some[1].hasPrefix("T9 ") && some[2].hasPrefix("T0 "))
        #expect(some[4] == "10 torrents, 6 not shown  ↓ 20.0 MiB/s  ↑ 10.0 KiB/s")
    }

    @Test func aStateIsNeverLostBehindALongName() {
        let long = torrent(String(repeating: "x", count: 300), .paused("disk full"))
        let title = LiveBlock(width: 60, height: 24, isUnicode: true).lines([long])[0].plainText
        #expect(title.hasSuffix("…  paused: disk full"))
        #expect(title.columns == 59)
    }

    @Test func aTorrentOfOnePieceHasNoMap() {
        let lines = LiveBlock(width: 80, height: 24, isUnicode: true)
            .lines([torrent(pieces: 1, have: 0)])
        #expect(lines.count == 3)
    }
}

@Suite(.ownThreads) struct PieceMapTests {
    @Test func eachColumnStandsForARunOfPieces() {
        var have = Bitfield(count: 8)
        for piece in [0, 1, 2] { have.insert(PieceIndex(piece)) }
        let columns = PieceMap.columns(
            have: have, availability: [0, 0, 0, 1, 1, 0, 0, 0], width: 4)
        #expect(columns.map(\.pieces) == [2, 2, 2, 2])
        #expect(columns.map(\.have) == [2, 1, 0, 0])
        #expect(columns.map(\.unavailable) == [0, 0, 1, 2])
        #expect(PieceMap.line(columns, isUnicode: true).plainText == "█▄░·")
        #expect(PieceMap.line(columns, isUnicode: false).plainText == "#+-.")
        #expect(
            PieceMap.line(columns, isUnicode: true).spans.map(\.style) == [.good, .warning, .bad])
    }

    @Test func unknownAvailabilityIsNotMissing() {
        let columns = PieceMap.columns(have: Bitfield(count: 3), availability: [], width: 9)
        #expect(columns.count == 3)
        #expect(PieceMap.line(columns, isUnicode: true).plainText == "░░░")
    }

    @Test(arguments: [1, 2, 3, 7, 99, 100, 101, 1_000, 99_999])
    func everyPieceIsInOneColumn(_ pieces: Int) {
        for width in [1, 2, 10, 100] {
            let columns = PieceMap.columns(
                have: Bitfield(allSet: pieces), availability: [], width: width)
            #expect(columns.count == min(width, pieces))
            #expect(columns.reduce(0) { $0 + $1.pieces } == pieces)
            #expect(columns.allSatisfy { $0.pieces > 0 && $0.have == $0.pieces })
        }
    }

    @Test func noPiecesOrNoRoomIsNothing() {
        #expect(PieceMap.columns(have: Bitfield(count: 0), availability: [], width: 9).isEmpty)
        #expect(PieceMap.columns(have: Bitfield(count: 9), availability: [], width: 0).isEmpty)
    }
}

@Suite(.ownThreads) struct BarTests {
    @Test(arguments: [
        (0, "░░░░"), (1, "░░░░"), (125, "▌░░░"), (250, "█░░░"), (999, "███▉"), (1_000, "████"),
    ])
    func isFilledToAnEighth(_ part: Int64, _ text: String) {
        #expect(Bar.line(part, of: 1_000, width: 4, isUnicode: true).plainText == text)
    }

    @Test func isExactlyAsWideAsAsked() {
        for part in Int64(0)...1_000 {
            for isUnicode in [true, false] {
                let line = Bar.line(part, of: 1_000, width: 37, isUnicode: isUnicode)
                #expect(line.columns == 37)
            }
        }
        #expect(Bar.line(1, of: 2, width: 0, isUnicode: true).columns == 0)
    }
}

@Suite(.ownThreads) struct ProgressTextTests {
    @Test func aLineForAPipeSaysTheSameInWords() {
        #expect(
            ProgressText.line(torrent())
                == "Film: downloading 47.0% of 977 KiB, down 2.0 MiB/s, up 1.0 KiB/s, 23 peers, "
                + "3m20s left")
        #expect(
            ProgressText.line(torrent("F", .checking)) == "F: checking 47.0% of 977 KiB")
        #expect(ProgressText.line(torrent("F", .failed("x\ny"))) == "F: failed: x\\ny")
        // Nobody has paused it.
        #expect(ProgressText.line(torrent("F", .waiting("queued"))) == "F: queued at 47.0%")
        var seeding = torrent("F", .seeding)
        seeding.ratio = 1.5
        #expect(
            ProgressText.line(seeding)
                == "F: seeding 977 KiB, up 1.0 KiB/s, 23 peers, ratio 1.50")
    }

    @Test func anObjectForAProgramHasNumbers() {
        let text = ProgressText.json(torrent("F", .paused("disk full")), infoHash: "ab").text
        #expect(
            text.hasPrefix(#"{"event":"progress","info_hash":"ab","name":"F","state":"paused""#))
        #expect(text.contains(#""download_rate":2097152,"#))
        #expect(text.contains(#""seconds_left":200,"ratio":null,"reason":"disk full"}"#))
    }
}

@Suite(.ownThreads) struct LiveScreenTests {
    @Test func redrawsInPlaceAndGivesTheCursorBack() {
        var screen = LiveScreen()
        let first = screen.draw(["one", "two"], width: 80, withColour: false)
        #expect(first == "\u{1B}[?25lone\u{1B}[K\r\ntwo\u{1B}[K\r\n\u{1B}[J")
        let second = screen.draw(["1"], width: 80, withColour: false)
        #expect(second == "\r\u{1B}[2A1\u{1B}[K\r\n\u{1B}[J")
        #expect(screen.erase(width: 80) == "\r\u{1B}[1A\u{1B}[J")
        #expect(screen.erase(width: 80) == "")
        #expect(screen.finish() == "\u{1B}[?25h")
        #expect(screen.finish() == "")
    }

    @Test func countsTheRowsThatANarrowerTerminalWraps() {
        var screen = LiveScreen()
        _ = screen.draw(
            [StyledLine(String(repeating: "x", count: 79)), "y"], width: 80,
            withColour: false)
        #expect(screen.erase(width: 20) == "\r\u{1B}[5A\u{1B}[J")
    }
}

@Suite(.ownThreads) struct TerminalTraitsTests {
    private func detect(
        _ options: GlobalOptions.Choices = .init(), _ environment: [String: String] = [:],
        output: Bool = true, error: Bool = true
    ) -> TerminalTraits {
        var all = ["TERM": "xterm", "LANG": "C.UTF-8"]
        all.merge(environment) { $1 }
        return .detect(
            options: options, environment: all, outputIsTerminal: output, errorIsTerminal: error)
    }

    @Test func aTerminalGetsALiveBlockAndAPipeLines() {
        #expect(detect().progress == .live)
        #expect(detect(error: false).progress == .lines)
        #expect(detect(.init(), ["TERM": "dumb"]).progress == .lines)
        #expect(detect(.init(isQuiet: true)).progress == .none)
        #expect(detect(.init(showsProgress: false)).progress == .none)
        #expect(detect(.init(json: true)).progress == .json)
        #expect(detect(.init(json: true, showsProgress: false)).progress == .none)
    }

    @Test func coloursFollowOptionThenEnvironmentThenStream() {
        #expect(detect().outputHasColour)
        #expect(!detect(output: false).outputHasColour)
        #expect(detect(output: false).errorHasColour)
        #expect(!detect(.init(), ["NO_COLOR": "1"]).outputHasColour)
        #expect(detect(.init(), ["NO_COLOR": ""]).outputHasColour)
        #expect(detect(.init(colour: .always), ["NO_COLOR": "1"], output: false).outputHasColour)
        #expect(!detect(.init(colour: .never)).outputHasColour)
        #expect(!detect(.init(json: true, colour: .always)).outputHasColour)
    }

    @Test func unicodeNeedsALocaleThatHasIt() {
        #expect(detect().isUnicode)
        #expect(!detect(.init(), ["LANG": "C"]).isUnicode)
        #expect(!detect(.init(), ["LC_ALL": "POSIX"]).isUnicode)
        #expect(detect(.init(), ["LC_ALL": "", "LC_CTYPE": "en_US.utf8", "LANG": "C"]).isUnicode)
    }
}
