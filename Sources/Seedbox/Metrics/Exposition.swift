import Units

/// Metrics in the words of Prometheus: its text exposition format, version 0.0.4.
///
/// Each family of series has one head, and stands in one place; a series is written once. A second
/// one of the same name and labels would make a scrape fail as a whole, so it is left out.
struct Exposition {
    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var bytes: [UInt8] = []
    /// The families that are written, in their order.
    private(set) var families: [String] = []

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Writes a family; one without series is not mentioned.
    mutating func family(
        _ name: String, _ kind: Kind, _ help: String, _ write: (inout Samples) -> Void
    ) {
        guard !families.contains(name) else { return }
        let start = bytes.count
        bytes.append(contentsOf: "# HELP \(name) ".utf8)
        Self.append(help, escapingQuotes: false, to: &bytes)
        bytes.append(contentsOf: "\n# TYPE \(name) \(kind.rawValue)\n".utf8)
        var samples = Samples(name: name, bytes: bytes)
        bytes = []
        write(&samples)
        bytes = samples.bytes
        if samples.isEmpty {
            bytes.removeLast(bytes.count - start)
        } else {
            families.append(name)
        }
    }

    /// A family of one series without labels.
    mutating func gauge(_ name: String, _ help: String, _ value: some MetricValue) {
        family(name, .gauge, help) { $0.add(value) }
    }

    mutating func counter(_ name: String, _ help: String, _ value: some MetricValue) {
        family(name, .counter, help) { $0.add(value) }
    }

    /// The series of a histogram: what took at most so many seconds, how many there were, and how
    /// long all took together.
    mutating func histogram(_ name: String, _ help: String, _ reading: LatencyHistogram) {
        family(name, .histogram, help) { $0.add(reading, []) }
    }

    /// The same of more than one thing, told apart by the values of a label.
    mutating func histograms(
        _ name: String, _ help: String, label: String, _ readings: [(String, LatencyHistogram)]
    ) {
        family(name, .histogram, help) { samples in
            for (value, reading) in readings { samples.add(reading, [(label, value)]) }
        }
    }

    /// The series of one family.
    struct Samples {
        fileprivate let name: String
        fileprivate var bytes: [UInt8]
        private var seen: Set<[UInt8]> = []

        fileprivate init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }

        fileprivate var isEmpty: Bool { seen.isEmpty }

        mutating func add(
            _ value: some MetricValue, _ labels: KeyValuePairs<String, String> = [:],
            suffix: String = ""
        ) {
            add(value, labels.map { ($0.key, $0.value) }, suffix: suffix)
        }

        fileprivate mutating func add(
            _ reading: LatencyHistogram, _ labels: [(String, String)]
        ) {
            var sum: Int64 = 0
            for (bound, count) in zip(reading.bounds, reading.counts) {
                sum = sum.addingSaturating(count)
                add(sum, labels + [("le", bound.metricText)], suffix: "_bucket")
            }
            add(reading.total, labels + [("le", "+Inf")], suffix: "_bucket")
            add(reading.seconds, labels, suffix: "_sum")
            add(reading.total, labels, suffix: "_count")
        }

        private mutating func add(
            _ value: some MetricValue, _ labels: [(String, String)], suffix: String
        ) {
            var series = Array((name + suffix).utf8)
            if !labels.isEmpty {
                series.append(UInt8(ascii: "{"))
                for (index, label) in labels.enumerated() {
                    if index > 0 { series.append(UInt8(ascii: ",")) }
                    series.append(contentsOf: "\(label.0)=\"".utf8)
                    Exposition.append(label.1, escapingQuotes: true, to: &series)
                    series.append(UInt8(ascii: "\""))
                }
                series.append(UInt8(ascii: "}"))
            }
            guard seen.insert(series).inserted else { return }
            bytes.append(contentsOf: series)
            bytes.append(UInt8(ascii: " "))
            bytes.append(contentsOf: value.metricText.utf8)
            bytes.append(UInt8(ascii: "\n"))
        }
    }

    /// A backslash, a line's end and, in a label, a quote would end what they stand in.
    private static func append(
        _ text: String, escapingQuotes: Bool, to bytes: inout [UInt8]
    ) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where escapingQuotes: bytes.append(contentsOf: "\\\"".utf8)
            default: bytes.append(byte)
            }
        }
    }
}

/// A number as Prometheus reads it.
protocol MetricValue {
    var metricText: String { get }
}

extension Int: MetricValue {
    var metricText: String { String(self) }
}

extension Int64: MetricValue {
    var metricText: String { String(self) }
}

extension Bool: MetricValue {
    var metricText: String { self ? "1" : "0" }
}

extension Double: MetricValue {
    var metricText: String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Inf" : "+Inf" }
        return String(self)
    }
}
