import Hashing
import Testing
import Units

@testable import Seedbox

@Suite struct ExpositionTests {
    @Test func aFamilyHasOneHeadAndItsSeriesBelowIt() {
        var page = Exposition()
        page.family("swarm_things", .gauge, "Things.") {
            $0.add(3, ["kind": "a"])
            $0.add(2.5, ["kind": "b", "of": "c"])
        }
        page.counter("swarm_turns_total", "Turns.", Int64.max)
        #expect(
            page.text == """
                # HELP swarm_things Things.
                # TYPE swarm_things gauge
                swarm_things{kind="a"} 3
                swarm_things{kind="b",of="c"} 2.5
                # HELP swarm_turns_total Turns.
                # TYPE swarm_turns_total counter
                swarm_turns_total 9223372036854775807

                """)
    }

    @Test func whatEndsALabelIsEscaped() {
        var page = Exposition()
        page.family("swarm_info", .gauge, "A \\ and\nan end.") {
            $0.add(1, ["name": "a\"} 7\nb\\"])
        }
        #expect(
            page.text == """
                # HELP swarm_info A \\\\ and\\nan end.
                # TYPE swarm_info gauge
                swarm_info{name="a\\"} 7\\nb\\\\"} 1

                """)
    }

    @Test func noSeriesAndNoFamilyIsWrittenTwice() {
        var page = Exposition()
        page.family("swarm_things", .gauge, "Things.") {
            $0.add(1, ["kind": "a"])
            $0.add(2, ["kind": "a"])
        }
        page.gauge("swarm_things", "Others.", 3)
        #expect(page.text.split(separator: "\n").filter { !$0.hasPrefix("#") }.count == 1)
        #expect(page.families == ["swarm_things"])
    }

    @Test func aFamilyWithoutSeriesIsNotMentioned() {
        var page = Exposition()
        page.gauge("swarm_up", "Up.", true)
        page.family("swarm_none", .gauge, "None.") { _ in }
        #expect(page.text == "# HELP swarm_up Up.\n# TYPE swarm_up gauge\nswarm_up 1\n")
    }

    @Test(arguments: [
        (Double.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (0.000_01, "1e-05"),
    ])
    func numbersAreWrittenAsPrometheusReadsThem(value: Double, text: String) {
        #expect(value.metricText == text)
    }

    @Test func aHistogramCountsEachStepWithThoseBelowIt() {
        var histogram = LatencyHistogram(bounds: [0.1, 1])
        for milliseconds: Int64 in [50, 100, 500, 2_000] {
            histogram.record(.milliseconds(milliseconds))
        }
        var page = Exposition()
        page.histogram("swarm_latency_seconds", "Latency.", histogram)
        #expect(
            page.text == """
                # HELP swarm_latency_seconds Latency.
                # TYPE swarm_latency_seconds histogram
                swarm_latency_seconds_bucket{le="0.1"} 2
                swarm_latency_seconds_bucket{le="1.0"} 3
                swarm_latency_seconds_bucket{le="+Inf"} 4
                swarm_latency_seconds_sum 2.65
                swarm_latency_seconds_count 4

                """)
    }

    // MARK: The process

    @Test func aProcessWithBracketsInItsNameIsRead() {
        let line =
            "4242 (a) b ( c) S 1 4242 4242 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 7 0 1000 4096000 3 "
            + "18446744073709551615 1 1 0 0 0 0 0 4096 0 0 0 0 17 0 0 0 0 0 0"
        let reading = ProcessReading(stat: line, ticksPerSecond: 100, pageSize: 4096)
        #expect(reading?.cpuSeconds == 2)
        #expect(reading?.threads == 7)
        #expect(reading?.virtualMemory == 4_096_000)
        #expect(reading?.residentMemory == 12_288)
        #expect(reading?.startedAfterBoot == 10)
    }

    @Test func halfALineIsNoReading() {
        #expect(ProcessReading(stat: "1 (a) S 1 2", ticksPerSecond: 100, pageSize: 4096) == nil)
        #expect(ProcessReading(stat: "", ticksPerSecond: 100, pageSize: 4096) == nil)
    }

    @Test func thisProcessIsRead() throws {
        let reading = try #require(ProcessReading.now())
        #expect(reading.residentMemory > 1_000_000)
        #expect(reading.threads > 0)
        #expect(try #require(reading.openFiles) > 2)
        #expect(try #require(reading.bootTime) > 1_000_000_000)
    }

    // MARK: Torrents

    private func row(_ number: UInt8, _ state: TorrentState, category: String?) -> TorrentRow {
        let digest = SHA1Digest(bytes: [UInt8](repeating: number, count: 20)) ?? .zero
        var row = TorrentRow(
            id: TorrentID(Int64(number)), infoHash: InfoHash(v1: digest), name: "n\(number)",
            folder: "/", state: state, added: 0)
        row.category = category
        return row
    }

    private func page(of rows: [TorrentRow]) -> [Substring] {
        var tally = TorrentTally()
        for row in rows { tally.count(row) }
        var page = Exposition()
        tally.write(into: &page)
        return page.text.split(separator: "\n")
    }

    @Test func statesThatNobodyIsInAreToldToo() {
        let lines = page(of: [row(1, .seeding, category: nil), row(2, .seeding, category: "tv")])
        #expect(lines.contains(#"swarm_torrents{state="seeding",category=""} 1"#))
        #expect(lines.contains(#"swarm_torrents{state="seeding",category="tv"} 1"#))
        #expect(lines.contains(#"swarm_torrents{state="failed",category=""} 0"#))
    }

    @Test func categoriesWithoutEndAreCountedAsOne() {
        let rows = (0..<250).map { row(UInt8($0), .seeding, category: "c\($0)") }
        let lines = page(of: rows)
        #expect(
            lines.filter { $0.hasPrefix("swarm_torrents{") }.count
                == TorrentState.allCases.count + Limits.countedCategoriesMax + 1)
        #expect(lines.contains(#"swarm_torrents{state="seeding",category="(others)"} 50"#))
    }

    @Test func aTorrentsNameStandsInOneSeriesOnly() {
        var series = TorrentSeries()
        var named = row(1, .seeding, category: nil)
        named.name = "a\"\n" + String(repeating: "é", count: 1_000)
        named.uploaded = 7
        series.add(named)
        var page = Exposition()
        series.write(into: &page)
        #expect(page.text.components(of: "é").count <= Limits.seriesNameBytesMax / 2)
        let hash = String(repeating: "01", count: 20)
        #expect(
            page.text.contains("\nswarm_torrent_uploaded_bytes_total{infohash=\"\(hash)\"} 7\n"))
    }
}

extension String {
    fileprivate func components(of character: Character) -> [Character] {
        filter { $0 == character }
    }
}
