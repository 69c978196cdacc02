import Simulator
import Testing
import Units

@Suite struct ScenarioTests {
    @Test func everyKeyIsRead() throws {
        let scenario = try Scenario(
            parsing: """
                # A comment, and an empty line.

                title  Liars, far away   # and why
                nodes 1000
                family ipv6
                round-trip 0.25s
                jitter 20%
                loss 1.5%
                reordering 2%
                duplication 3%
                dead-entries 30%
                session 1h
                nat 10% symmetric
                nat 20% port-restricted
                adversaries 40%
                lies collude silence
                eclipse 16
                insecure-ids 5%
                keys 7
                publishers 2
                lookups 300
                span 1m
                expect success >= 99%
                expect first-holder p99 <= 1s
                expect hops <= 2.875
                """)
        var wanted = Scenario()
        wanted.title = "Liars, far away"
        wanted.nodes = 1_000
        wanted.isIPv6 = true
        wanted.roundTrip = .milliseconds(250)
        (wanted.jitter, wanted.loss, wanted.reordering) = (0.2, 0.015, 0.02)
        (wanted.duplication, wanted.deadEntries, wanted.session) = (0.03, 0.3, .minutes(60))
        wanted.nats = [
            NATShare(kind: .symmetric, share: 0.1), NATShare(kind: .portRestricted, share: 0.2),
        ]
        (wanted.adversaries, wanted.lies, wanted.eclipse) = (0.4, [.collude, .silence], 16)
        (wanted.insecureIDs, wanted.keys, wanted.publishers) = (0.05, 7, 2)
        (wanted.lookups, wanted.span) = (300, .minutes(1))
        wanted.expectations = [
            Expectation(.success, .mean, isUpperBound: false, bound: 0.99),
            Expectation(.firstHolder, .p99, isUpperBound: true, bound: 1),
            Expectation(.hops, .mean, isUpperBound: true, bound: 2.875),
        ]
        #expect(scenario == wanted)
    }

    static let mistakes: [(text: String, line: Int, says: String)] = [
        ("title a", 0, "'nodes' is missing"),
        ("nodes 5", 0, "'title' is missing"),
        ("title a\nnodes", 2, "nodes: needs a number"),
        ("title a\nnodes many", 2, "nodes: 'many' is not a number"),
        ("title a\nnodes -5", 2, "nodes: '-5' is not a number"),
        ("title a\nnodes 0", 2, "nodes: 0 is not from 1 to 1000000"),
        ("title a\nnodes 99999999999999999999", 2, "not from 1 to 1000000"),
        ("title a\nnodes 5 6", 2, "nodes: '6' is too much"),
        ("title a\nnodes 5\nnodes 5", 3, "'nodes' was given before"),
        ("title a\n\n# b\ncolour red", 4, "'colour' is no key of a scenario"),
        ("title a\nnodes 5\nloss 5", 3, "loss: '5' is not a share such as 30%"),
        ("title a\nnodes 5\nloss 101%", 3, "loss: 101% is not at most 100%"),
        ("title a\nnodes 5\nloss nan%", 3, "loss: 'nan' is not a share"),
        ("title a\nnodes 5\nspan 5", 3, "span: '5' is not a time such as"),
        ("title a\nnodes 5\nspan 1e3s", 3, "span: '1e3s' is not a time"),
        ("title a\nnodes 5\nspan 0ms", 3, "span: 0ms is not from"),
        ("title a\nnodes 5\nnat 5% brick", 3, "nat: 'brick' is not one of full-cone"),
        ("title a\nnodes 5\nlies collude collude", 3, "'collude' was given before"),
        ("title a\nnodes 5\nlies", 3, "lies: needs one of fake-nearer"),
        ("title a\nnodes 5\nexpect luck >= 5%", 3, "expect: 'luck' is not one of success"),
        ("title a\nnodes 5\nexpect success = 5%", 3, "expect: '=' is not one of mean"),
        ("title a\nnodes 5\nexpect hops p99 < 5", 3, "expect: '<' is not one of <=, >="),
        ("title a\nnodes 5\nexpect hops <= 5ms", 3, "expect: '5ms' is not a number"),
        ("title a\nnodes 3\npublishers 3", 0, "publishers: as many as there are nodes"),
    ]

    @Test(arguments: mistakes)
    func aMistakeIsToldWithItsLine(text: String, line: Int, says: String) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(parsing: text) }
        #expect(error?.line == line)
        #expect(error?.text.contains(says) == true, "\(error?.text ?? "")")
    }

    @Test func linesAreBounded() throws {
        let lines = "title a\nnodes 5\n" + String(repeating: "#\n", count: 197)
        _ = try Scenario(parsing: lines)
        #expect(throws: ScenarioError.self) { try Scenario(parsing: lines + "#\n#\n") }
    }

    @Test func aQuantileIsTheLeastValueThatSoManyDoNotExceed() {
        let values = Distribution((1...100).reversed().map(Double.init))
        #expect(values.value(.p50) == 50)
        #expect(values.value(.p90) == 90)
        #expect(values.value(.p99) == 99)
        #expect(values.value(.max) == 100)
        #expect(values.value(.mean) == 50.5)
        #expect(Distribution([7]).value(.p99) == 7)
        #expect(Distribution([]).value(.p50) == nil)
    }

    @Test func anExpectationHoldsUpToItsBoundAndNeverWithoutAValue() {
        let atMost = Expectation(.firstHolder, .p99, isUpperBound: true, bound: 1)
        #expect(atMost.holds(1))
        #expect(!atMost.holds(1.001))
        #expect(!atMost.holds(nil))
        let atLeast = Expectation(.success, .mean, isUpperBound: false, bound: 0.99)
        #expect(atLeast.holds(0.99))
        #expect(!atLeast.holds(0.989))
        #expect(!atLeast.holds(nil))
    }
}
