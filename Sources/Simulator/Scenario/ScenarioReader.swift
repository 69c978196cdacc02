import Units

extension Scenario {
    /// Reads a scenario: one `key value …` a line. What follows a `#` is a comment.
    public init(parsing text: String) throws(ScenarioError) {
        var reader = ScenarioReader()
        self = try reader.read(text)
    }
}

/// Reads the lines of a scenario, one after the other.
private struct ScenarioReader {
    private var scenario = Scenario()
    private var seen: Set<String> = []
    private var line = 0
    private var key = ""
    private var words: ArraySlice<Substring> = []

    /// Keys that may stand on several lines.
    private static let repeatable: Set<String> = ["nat", "expect"]
    private static let needed = ["title", "nodes"]

    mutating func read(_ text: String) throws(ScenarioError) -> Scenario {
        for content in text.split(separator: "\n", omittingEmptySubsequences: false) {
            line += 1
            guard line <= Limits.scenarioLinesMax else {
                throw ScenarioError(line, .tooLong(lines: Limits.scenarioLinesMax))
            }
            let code = content.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            words = (code.first ?? "").split { $0 == " " || $0 == "\t" || $0 == "\r" }[...]
            guard let first = words.popFirst() else { continue }
            key = String(first)
            guard seen.insert(key).inserted || Self.repeatable.contains(key) else {
                throw error(.repeatedKey(key))
            }
            try readLine()
            if let left = words.first { throw error(.surplus(key: key, text: String(left))) }
        }
        line = 0
        for name in Self.needed where !seen.contains(name) { throw error(.missingKey(name)) }
        try checkTogether()
        return scenario
    }

    private func error(_ problem: ScenarioError.Problem) -> ScenarioError {
        ScenarioError(line, problem)
    }

    private mutating func readLine() throws(ScenarioError) {
        switch key {
        case "title":
            guard !words.isEmpty else { throw bad("", "some words") }
            scenario.title = words.joined(separator: " ")
            words = []
        case "nodes": scenario.nodes = try count(1...Limits.scenarioNodesMax)
        case "family": scenario.isIPv6 = try choice(["ipv4", "ipv6"]) == "ipv6"
        case "keys": scenario.keys = try count(1...Limits.scenarioLookupsMax)
        case "publishers": scenario.publishers = try count(1...64)
        case "lookups": scenario.lookups = try count(1...Limits.scenarioLookupsMax)
        case "eclipse": scenario.eclipse = try count(0...1_000)
        case "round-trip": scenario.roundTrip = try time(.milliseconds(1)...(.seconds(10)))
        case "span": scenario.span = try time(.milliseconds(1)...Limits.scenarioSpanMax)
        case "session": scenario.session = try time(.seconds(1)...(.minutes(60 * 24 * 30)))
        case "nat":
            let share = try share()
            scenario.nats.append(NATShare(kind: try named(), share: share))
        case "lies": try readLies()
        case "expect": try readExpectation()
        default: try readShare()
        }
    }

    private mutating func readShare() throws(ScenarioError) {
        switch key {
        case "jitter": scenario.jitter = try share()
        case "loss": scenario.loss = try share()
        case "reordering": scenario.reordering = try share()
        case "duplication": scenario.duplication = try share()
        case "dead-entries": scenario.deadEntries = try share(below: 0.95)
        case "adversaries": scenario.adversaries = try share(below: 0.95)
        case "insecure-ids": scenario.insecureIDs = try share()
        default: throw error(.unknownKey(key))
        }
    }

    private mutating func readLies() throws(ScenarioError) {
        var lies: [Lie] = []
        repeat {
            let word = try word("one of \(Self.names(Lie.self))")
            guard let lie = Lie(rawValue: word) else {
                throw bad(word, "one of \(Self.names(Lie.self))")
            }
            guard !lies.contains(lie) else { throw error(.repeatedKey(word)) }
            lies.append(lie)
        } while !words.isEmpty
        scenario.lies = lies
    }

    /// `expect first-holder p99 <= 1s`
    private mutating func readExpectation() throws(ScenarioError) {
        let metric: Expectation.Metric = try named()
        var statistic = Expectation.Statistic.mean
        if let next = words.first, next != "<=", next != ">=" { statistic = try named() }
        let isUpperBound = try choice(["<=", ">="]) == "<="
        let bound =
            switch metric.unit {
            case .share: try share()
            case .time: try time(.zero...(.seconds(3_600))).seconds
            case .count: try decimal(try word("a number"), "a number")
            }
        scenario.expectations.append(
            Expectation(metric, statistic, isUpperBound: isUpperBound, bound: bound))
    }

    /// What no line is to blame for alone.
    private func checkTogether() throws(ScenarioError) {
        guard scenario.nats.reduce(0, { $0 + $1.share }) <= 0.95 else {
            throw error(.contradiction("nat: more than 95% of the nodes"))
        }
        guard scenario.lookups >= 1, scenario.publishers < max(2, scenario.nodes) else {
            throw error(.contradiction("publishers: as many as there are nodes, or more"))
        }
        guard scenario.keys * max(1, scenario.eclipse) <= Limits.scenarioNodesMax else {
            throw error(.contradiction("eclipse: too many liars for all keys together"))
        }
    }

    // MARK: Values

    private func bad(_ text: String, _ wanted: String) -> ScenarioError {
        error(.badValue(key: key, text: text, wanted: wanted))
    }

    private mutating func word(_ wanted: String) throws(ScenarioError) -> String {
        guard let word = words.popFirst() else { throw bad("", wanted) }
        return String(word)
    }

    private mutating func choice(_ choices: [String]) throws(ScenarioError) -> String {
        let wanted = "one of \(choices.joined(separator: ", "))"
        let word = try word(wanted)
        guard choices.contains(word) else { throw bad(word, wanted) }
        return word
    }

    private mutating func named<Name: CaseIterable & RawRepresentable>() throws(ScenarioError)
        -> Name where Name.RawValue == String
    {
        let wanted = "one of \(Self.names(Name.self))"
        let word = try word(wanted)
        guard let name = Name(rawValue: word) else { throw bad(word, wanted) }
        return name
    }

    private static func names<Name: CaseIterable & RawRepresentable>(_: Name.Type) -> String
    where Name.RawValue == String {
        Name.allCases.map(\.rawValue).joined(separator: ", ")
    }

    private mutating func count(_ bounds: ClosedRange<Int>) throws(ScenarioError) -> Int {
        let word = try word("a number")
        guard !word.isEmpty, word.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw bad(word, "a number")
        }
        guard let value = Int(word), bounds.contains(value) else {
            throw error(
                .outOfBounds(
                    key: key, text: word,
                    bounds: "from \(bounds.lowerBound) to \(bounds.upperBound)"))
        }
        return value
    }

    private mutating func share(below bound: Double = 1) throws(ScenarioError) -> Double {
        let wanted = "a share such as 30%"
        let word = try word(wanted)
        guard word.hasSuffix("%") else { throw bad(word, wanted) }
        let value = try decimal(String(word.dropLast()), wanted) / 100
        guard value <= bound else {
            throw error(
                .outOfBounds(key: key, text: word, bounds: "at most \(Int(bound * 100))%"))
        }
        return value
    }

    private mutating func time(
        _ bounds: ClosedRange<Interval>
    ) throws(ScenarioError) -> Interval {
        let wanted = "a time such as 250ms, 1.5s, 10m or 2h"
        let word = try word(wanted)
        let digits = word.prefix { $0.isNumber || $0 == "." }
        let units: [Substring: Double] = ["ms": 1e6, "s": 1e9, "m": 60e9, "h": 3_600e9]
        guard let unit = units[word.dropFirst(digits.count)] else { throw bad(word, wanted) }
        let nanoseconds = try decimal(String(digits), wanted) * unit
        guard nanoseconds < 9e18 else { throw bad(word, wanted) }
        let value = Interval(nanoseconds: Int64(nanoseconds))
        guard bounds.contains(value) else {
            throw error(
                .outOfBounds(
                    key: key, text: word,
                    bounds: "from \(bounds.lowerBound) to \(bounds.upperBound)"))
        }
        return value
    }

    /// Digits, and more digits behind a point.
    private func decimal(_ text: String, _ wanted: String) throws(ScenarioError) -> Double {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            text.utf8.count <= 20, let value = Double(text)
        else { throw bad(text, wanted) }
        return value
    }
}
