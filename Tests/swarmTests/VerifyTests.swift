import Foundation
import Metainfo
import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct VerifyReportTests {
    private let layout: ContentLayout

    init() throws { layout = try Content.film.manifest().layout }

    private func verdicts(
        bad: [Int] = [], lengths: [Int64?] = [50_000, 100_000, 10, 200_000]
    ) -> [VerifyReport.Verdict] {
        var good = Bitfield(allSet: layout.pieceCount)
        for piece in bad { good.remove(PieceIndex(piece)) }
        return VerifyReport(name: "Film", layout: layout, good: good, lengths: lengths)
            .files.map(\.verdict)
    }

    @Test func goodPiecesAreGoodFiles() {
        #expect(verdicts() == [.good, .good, .good, .good])
    }

    @Test func aBadPieceIsNamedByItsPlaceInTheFile() {
        // Piece 5 begins at 81,920, which is 31,920 in the second file.
        #expect(verdicts(bad: [5, 7]) == [.good, .bad(offset: 31_920), .good, .good])
        // Piece 3 begins in the first file and ends in the second.
        #expect(verdicts(bad: [3]) == [.bad(offset: 49_152), .bad(offset: 0), .good, .good])
    }

    @Test func whatSharesItsBadPieceWithAMissingFileIsUnknown() {
        // Piece 9 holds the end of the second file, the third, and the begin of the fourth.
        #expect(
            verdicts(bad: [9], lengths: [50_000, 100_000, nil, 200_000])
                == [.good, .unknown(offset: 97_456), .missing, .unknown(offset: 0)])
        // Another piece of the fourth file is bad by itself.
        #expect(
            verdicts(bad: [9, 12], lengths: [50_000, 100_000, nil, 200_000])[3]
                == .bad(offset: 46_598))
    }

    @Test func anotherLengthIsSaid() {
        #expect(
            verdicts(bad: [21], lengths: [50_000, 100_000, 10, 199_999])[3]
                == .wrongLength(199_999))
        #expect(
            verdicts(lengths: [50_000, 100_000, 10, 200_001])[3] == .wrongLength(200_001))
    }
}

@Suite(.ownThreads) struct VerifyTests {
    private let folder: TemporaryFolder
    private let swarm: Binary

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        try Content.film.write(to: folder)
    }

    @Test func wholeContentIsGood() throws {
        let verified = try swarm.run("verify", "Film.torrent")
        #expect(verified.status == 0)
        #expect(verified.output == "good  Film  4 files, 22 pieces\n")
        #expect(verified.error == "")
        #expect(try swarm.run("verify", "Film.torrent", "-q").output == "")
        let json = try swarm.run("verify", "Film.torrent", "--json").objects().first
        #expect(json?["good"] as? Bool == true)
        #expect(json?["good_pieces"] as? Int == 22)
    }

    @Test func badFilesAreListedWithStatus6() throws {
        var bytes = try folder.content("Film/c.bin")
        bytes[70_000] ^= 1
        try folder.file("Film/c.bin", bytes)
        try FileManager.default.removeItem(atPath: folder.path("Film/d"))
        try folder.file("Film/e", try folder.content("Film/e").dropLast())
        let verified = try swarm.run("verify", "Film.torrent")
        #expect(verified.status == 6)
        #expect(
            verified.lines == [
                "bad      c.bin  from byte 64,688 on", "missing  d  10 bytes",
                "length   e  199,999 bytes on disk, 200,000 in the torrent",
            ])
        #expect(
            verified.error
                == "swarm: Film.torrent: 3 of 4 files and 3 of 22 pieces are not what the torrent "
                + "describes\n")
        let json = try #require(
            try swarm.run("verify", "Film.torrent", "--json").objects().first)
        let files = try #require(json["files"] as? [[String: Any]])
        #expect(
            files.map { $0["status"] as? String } == ["good", "bad", "missing", "wrong_length"])
        #expect(files[1]["first_bad_offset"] as? Int == 64_688)
    }

    @Test func contentElsewhereIsFoundAndNothingIsChanged() throws {
        try FileManager.default.createDirectory(
            atPath: folder.path("x"), withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: folder.path("Film"), toPath: folder.path("x/Film"))
        #expect(try swarm.run("verify", "Film.torrent", "--data", "x").status == 0)
        let before = folder.names
        #expect(try swarm.run("verify", "Film.torrent").status == 6)
        #expect(try swarm.run("verify", "Film.torrent", "--data", "nowhere").status == 4)
        #expect(folder.names == before)
        let manifest = try folder.content("Film.torrent")
        #expect(try swarm.run("verify", "-", "--data", "x", input: manifest).status == 0)
    }

    @Test func anUnfinishedFileIsNotThere() throws {
        try FileManager.default.moveItem(
            atPath: folder.path("Film/e"), toPath: folder.path("Film/e.part"))
        let verified = try swarm.run("verify", "Film.torrent")
        #expect(verified.status == 6)
        #expect(verified.lines.contains("missing  e  200,000 bytes"))
    }
}
