import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct QuantitiesTests {
    @Test(arguments: [
        (0, "0 B"), (1, "1 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_536, "1.5 KiB"),
        (102_348, "99.9 KiB"), (102_400, "100 KiB"), (1_048_524, "1024 KiB"),
        (1_048_575, "1.0 MiB"), (1_048_576, "1.0 MiB"), (5_368_709_120, "5.0 GiB"),
        (Int64.max, "8.0 EiB"), (-2_048, "-2.0 KiB"), (Int64.min, "-8.0 EiB"),
    ])
    func writesSizesInIECUnits(_ bytes: Int64, _ text: String) {
        #expect(sizeText(bytes) == text)
    }

    @Test func sizesNeverShowAThousandAndMoreOfAUnitButBytes() {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<10_000 {
            let bytes = Int64.random(
                in: 0...(.max >> Int64.random(in: 0...62, using: &generator)),
                using: &generator)
            #expect(sizeText(bytes).count <= 8, "\(bytes)")
        }
    }

    @Test func exactSizesAreNotRounded() {
        #expect(exactSizeText(16_384) == "16 KiB")
        #expect(exactSizeText(16_385) == "16385 B")
        #expect(exactSizeText(4 << 20) == "4 MiB")
        #expect(exactSizeText(1_536) == "1536 B")
        #expect(exactSizeText(0) == "0 B")
        #expect(exactSizeText(1_048_576 - 1_024) == "1023 KiB")
    }

    @Test(arguments: [
        (0, "0s"), (59, "59s"), (60, "1m00s"), (200, "3m20s"), (3_600, "1h00m"),
        (7_500, "2h05m"), (86_400, "1d00h"), (273_600, "3d04h"), (86_400 * 100, "over 100 days"),
        (-5, "0s"),
    ])
    func writesLengthsOfTimeInTheirTwoLargestUnits(_ seconds: Int64, _ text: String) {
        #expect(intervalText(.seconds(seconds)) == text)
    }

    @Test func shortTimesAreToldToATenth() {
        #expect(durationText(.milliseconds(60)) == "0.0s")
        #expect(durationText(.milliseconds(1_250)) == "1.2s")
        #expect(durationText(.milliseconds(9_999)) == "9.9s")
        #expect(durationText(.seconds(10)) == "10s")
        #expect(durationText(.seconds(200)) == "3m20s")
    }

    @Test func aHundredPercentIsAllOfIt() {
        #expect(percentText(999_999, of: 1_000_000) == "99.9%")
        #expect(percentText(1_000_000, of: 1_000_000) == "100.0%")
        #expect(percentText(0, of: 0) == "100.0%")
        #expect(percentText(0, of: 1) == "0.0%")
        #expect(percentText(.max - 1, of: .max) == "99.9%")
        #expect(percentText(5, of: 1) == "100.0%")
        #expect(percentText(-5, of: 1) == "0.0%")
    }

    @Test func writesRatiosAndGroups() {
        #expect(ratioText(1.239) == "1.23")
        #expect(ratioText(nil) == "–")
        #expect(ratioText(.infinity) == "–")
        #expect(groupedText(1_448_576) == "1,448,576")
        #expect(groupedText(100) == "100")
        #expect(groupedText(.min) == "-9,223,372,036,854,775,808")
        #expect(countText(1, "peer") == "1 peer")
        #expect(countText(0, "peer") == "0 peers")
    }
}

@Suite(.ownThreads) struct ColumnsTests {
    @Test(arguments: [
        ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("👍", 2), ("👨‍👩‍👧", 2), ("░█", 2),
        ("↓", 1), ("\u{200D}", 0), ("ｱ", 1), ("Ａ", 2), ("❤️", 2),
    ])
    func countsColumns(_ text: String, _ columns: Int) {
        #expect(text.columns == columns)
    }

    @Test func clipsAtAColumnAndNeverThroughAWideCharacter() {
        #expect(clipped("abcdef", to: 6) == "abcdef")
        #expect(clipped("abcdef", to: 5) == "abcd…")
        #expect(clipped("日本語", to: 5) == "日本…")
        #expect(clipped("日本語", to: 4) == "日…")
        #expect(clipped("abc", to: 0) == "")
        #expect(clipped("abc", to: 1) == "…")
    }

    @Test func padsByColumns() {
        #expect(padded(left: "日", to: 4) == "  日")
        #expect(padded(right: "日", to: 4) == "日  ")
        #expect(padded(left: "long", to: 2) == "long")
    }
}

@Suite(.ownThreads) struct StyledLineTests {
    @Test func colourIsWrittenOnlyWhereWanted() {
        var line = StyledLine("a", .good)
        line.append("b")
        #expect(line.rendered(withColour: false) == "ab")
        #expect(line.rendered(withColour: true) == "\u{1B}[32ma\u{1B}[0mb")
    }

    @Test func clippingCountsTextAndKeepsStyles() {
        var line = StyledLine("abc", .good)
        line.append("def", .bad)
        #expect(line.clipped(to: 6) == line)
        #expect(line.clipped(to: 5).plainText == "abcd…")
        #expect(line.clipped(to: 3).plainText == "ab…")
        #expect(line.clipped(to: 4).spans.map(\.style) == [.good, .bad])
        #expect(line.clipped(to: 0).plainText == "")
    }
}
