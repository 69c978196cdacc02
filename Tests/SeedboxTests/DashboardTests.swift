import Foundation
import JSONText
import Testing

@testable import Seedbox

/// Docs/grafana-dashboard.json against the metrics that there are.
@Suite struct DashboardTests {
    private func queries(in value: JSON) -> [String] {
        switch value {
        case .array(let elements): elements.flatMap(queries)
        case .object(let members):
            members.flatMap { member in
                guard ["expr", "query"].contains(member.name), let text = member.value.string
                else { return queries(in: member.value) }
                return [text]
            }
        default: []
        }
    }

    /// The words of a query that are names of metrics of ours or of the process.
    private func metrics(in query: String) -> [String] {
        query.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init).filter {
            $0.hasPrefix("swarm_") || $0.hasPrefix("process_")
        }
    }

    @Test func everyQueryAsksForMetricsThatThereAre() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try Data(contentsOf: root.appending(path: "Docs/grafana-dashboard.json"))
        let queries = queries(in: try JSON(parsing: Array(text)))
        #expect(queries.count > 20)
        let page = MetricsReading.sample().page
        let series = Set(
            page.text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap {
                $0.split(whereSeparator: { $0 == "{" || $0 == " " }).first.map(String.init)
            })
        for name in queries.flatMap(metrics) {
            #expect(series.contains(name), "the dashboard asks for \(name), which nothing tells")
        }
    }
}
