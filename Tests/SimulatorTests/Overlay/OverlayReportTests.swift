import Testing

@testable import Simulator

@Suite struct OverlayReportTests {
    private let options = OverlayComparison.Options()

    private func row(found: Int) -> OverlayFigures {
        OverlayFigures(
            kind: .walks, nodeCount: 10_000, deadPercent: 30, lookupCount: 200, foundCount: found,
            messagesMean: 1_234.5678, messages99: 16_400, hopsMean: 7.5, hops99: 12,
            contactsMean: 7.996, stateByteCount: 48)
    }

    @Test func alignsItsColumns() {
        let report = OverlayReport(options)
        #expect(report.head.count == report.line(row(found: 199)).count)
        #expect(
            report.line(row(found: 199)).split(separator: " ").joined(separator: " ")
                == "Random walks 30 % 10,000 1,235 16,400 7.50 12 99.5 % 8.00 48")
    }

    @Test func writesOneObjectOfJSON() {
        let json = OverlayReport(options).json([row(found: 0)])
        #expect(json.hasPrefix("{\"seed\":1,\"lookups\":1000,\"holders\":8,"))
        #expect(
            json.hasSuffix(
                "\"rows\":[{\"overlay\":\"walks\",\"nodes\":10000,\"deadPercent\":30,"
                    + "\"lookups\":200,\"found\":0,\"messages\":1234.568,\"messages99\":16400,"
                    + "\"hops\":null,\"hops99\":null,\"contacts\":7.996,\"stateBytes\":48}]}"))
    }
}
