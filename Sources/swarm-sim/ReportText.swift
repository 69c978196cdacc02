import JSONText
import Simulator
import Units

extension Report {
    /// A table for people.
    var text: String {
        var lines = [
            scenario.title,
            "seed \(seed), \(events) events, \(duration.seconds.fixed(1)) s of virtual time, "
                + "trace \(hexadecimal(trace))",
            "datagrams: \(network.sent) sent, \(network.delivered) delivered, "
                + "\(network.toNobody) to nobody, \(network.lost) lost, "
                + "\(network.refusedByNAT) refused by NATs",
            "",
        ]
        let statistics = Expectation.Statistic.allCases
        lines.append(
            "".padded(14) + statistics.map { $0.rawValue.padded(10, right: true) }.joined())
        for metric in Expectation.Metric.allCases where measures[metric] != nil {
            let shown = metric.unit == .share ? [.mean] : statistics
            let values = shown.map {
                metric.text(of: value(metric, $0)).padded(10, right: true)
            }
            lines.append(metric.rawValue.padded(14) + values.joined())
        }
        if !checks.isEmpty || !violations.isEmpty { lines.append("") }
        lines += checks.map { "\($0.holds ? "holds" : "FAILS")  \($0.text)" }
        lines += violations.map { "FAILS  \($0)" }
        return lines.joined(separator: "\n")
    }

    /// What does not hold, in one line.
    var failuresText: String {
        (checks.filter { !$0.holds }.map(\.text) + violations.map(\.description))
            .joined(separator: "; ")
    }

    func json(name: String) -> JSON {
        let statistics = Expectation.Statistic.allCases
        let measured = Expectation.Metric.allCases.filter { measures[$0] != nil }
            .map { metric -> JSON.Member in
                let shown = metric.unit == .share ? [.mean] : statistics
                return (
                    metric.rawValue,
                    .object(shown.map { ($0.rawValue, .optional(value(metric, $0))) })
                )
            }
        return .object([
            ("scenario", .string(name)), ("seed", .string("\(seed)")), ("holds", .bool(holds)),
            ("trace", .string(hexadecimal(trace))), ("events", .count(Int(clamping: events))),
            ("virtualSeconds", .number(duration.seconds)),
            ("datagrams", .count(Int(clamping: network.sent))), ("measures", .object(measured)),
            (
                "checks",
                .array(
                    checks.map {
                        .object([
                            ("expectation", .string($0.expectation.text)),
                            ("measured", .optional($0.measured)), ("holds", .bool($0.holds)),
                        ])
                    })
            ),
            ("violations", .array(violations.map { .string($0.description) })),
        ])
    }
}

extension Report.Check {
    var text: String {
        "\(expectation.text) (measured \(expectation.metric.text(of: measured)))"
    }
}

extension Expectation {
    var text: String {
        let statistic = metric.unit == .share ? "" : " \(statistic.rawValue)"
        return "\(metric.rawValue)\(statistic) \(isUpperBound ? "<=" : ">=") "
            + metric.text(of: bound)
    }
}

extension Expectation.Metric {
    /// A value in the metric's unit, for people.
    func text(of value: Double?) -> String {
        guard let value else { return "nothing" }
        return switch unit {
        case .share: "\((value * 100).fixed(2))%"
        case .time: "\((value * 1_000).fixed(0)) ms"
        case .count: value.fixed(2)
        }
    }
}

extension Double {
    /// With so many decimals, rounded.
    func fixed(_ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
        let scaled = (self * scale).rounded()
        guard scaled.magnitude < 1e15 else { return "\(self)" }
        let number = Int64(scaled)
        guard decimals > 0 else { return "\(number)" }
        let digits = String(number.magnitude)
        let padding = String(repeating: "0", count: max(0, decimals + 1 - digits.count))
        let padded = padding + digits
        return (number < 0 ? "-" : "") + padded.dropLast(decimals) + "."
            + padded.suffix(decimals)
    }
}

extension String {
    func padded(_ width: Int, right: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, width - count))
        return right ? padding + self : self + padding
    }
}

func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
