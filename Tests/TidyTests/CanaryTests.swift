import Testing

/// A rule that catches nothing looks like a clean house. So each is shown what it must catch, and
/// what it must let pass.
@Suite struct CanaryTests {
    struct Canary: Sendable, CustomTestStringConvertible {
        let rule: Rule
        let room: String?
        let code: String
        let lines: [Int]

        var testDescription: String {
            "\(rule.name): \(code.prefix(40).split(separator: "\n").joined(separator: "; "))"
        }

        init(_ rule: Rule, in room: String? = "PeerWire", _ code: String, caughtOn lines: [Int]) {
            self.rule = rule
            self.room = room
            self.code = code
            self.lines = lines
        }
    }

    static let floors = [
        Canary(imports, "import Foundation", caughtOn: [1]),
        Canary(
            imports, "import Units\npublic import Glibc\n@testable import struct NIOPosix.X",
            caughtOn: [2, 3]),
        Canary(
            imports, "import Dispatch\nimport Synchronization\nimport SwarmEngine",
            caughtOn: [1, 2, 3]),
        Canary(imports, "import NIOCore\nimport Units\n// import Glibc", caughtOn: []),
        Canary(imports, in: "Storage", "import Glibc\nimport GRDB\nimport NIOCore", caughtOn: [3]),
        Canary(imports, in: "Cellar", "", caughtOn: [1]),
        Canary(imports, in: nil, "import Foundation", caughtOn: []),
        Canary(pureFloors, "let a = Date()\nlet b = ContinuousClock()", caughtOn: [1, 2]),
        Canary(pureFloors, "let a = Instant.now\nlet b: Instant = .now", caughtOn: [1, 2]),
        Canary(pureFloors, "let a = self.now\nlet b = now.nanoseconds", caughtOn: []),
        Canary(
            pureFloors, "let a = Int.random(in: 0..<4)\nlet b = x.shuffled()", caughtOn: [1, 2]),
        Canary(pureFloors, "x.shuffle(\n    using: &rng)\ny.randomElement()", caughtOn: [3]),
        Canary(pureFloors, "var g = SystemRandomNumberGenerator()", caughtOn: [1]),
        Canary(pureFloors, in: "Storage", "let a = ContinuousClock.now", caughtOn: []),
        Canary(pureFloors, in: "Simulator", "let a = ContinuousClock.now", caughtOn: [1]),
        Canary(imports, in: "Simulator", "import Glibc\nimport Units", caughtOn: [1]),
    ]

    static let traps = [
        Canary(trapsAndUnsafe, "let a = try! f()\nlet b = c as! D", caughtOn: [1, 2]),
        Canary(trapsAndUnsafe, "fatalError(\"no\")\npreconditionFailure()", caughtOn: [1, 2]),
        Canary(trapsAndUnsafe, "final class A: @unchecked Sendable {}", caughtOn: [1]),
        Canary(trapsAndUnsafe, "nonisolated(unsafe) var a = 0 // SAFETY: set once.", caughtOn: []),
        Canary(
            trapsAndUnsafe, "// SAFETY: guarded by\n// the lock.\nnonisolated(unsafe) var a = 0",
            caughtOn: []),
        Canary(
            trapsAndUnsafe, "// SAFETY: far away.\nlet x = 0\nnonisolated(unsafe) var a = 0",
            caughtOn: [3]),
        Canary(
            trapsAndUnsafe, "final class A: @unchecked Sendable {\n    // SAFETY: locked.\n}",
            caughtOn: []),
        Canary(trapsAndUnsafe, "// try! is banned\nlet a = \"try!\"", caughtOn: []),
        Canary(trapsAndUnsafe, "let a = \"\\(try! f())\"", caughtOn: [1]),
        Canary(forceUnwraps, "let a = b!\nlet c = d()!.e\nlet f = g[0]!", caughtOn: [1, 2, 3]),
        Canary(forceUnwraps, "var a: Int!\nlet c = \"\\(d!)\"", caughtOn: [1, 2]),
        Canary(forceUnwraps, "if !a, b != c, d!=e { f(!g) }\n#if !os(Linux)", caughtOn: []),
        Canary(forceUnwraps, "let a = \"b!\" // c!\n/* d! */", caughtOn: []),
        Canary(
            forceUnwraps, "let a = #\"b\"c!\"#\nlet d = \"\"\"\n  e! \"f\" g!\n  \"\"\"",
            caughtOn: []),
    ]

    static let sizes = [
        Canary(fileLength, String(repeating: "\n", count: 600), caughtOn: []),
        Canary(fileLength, String(repeating: "\n", count: 601), caughtOn: [601]),
        Canary(functionLength, function(lines: 70), caughtOn: []),
        Canary(functionLength, function(lines: 71), caughtOn: [1]),
        Canary(
            functionLength,
            "protocol P {\n    func f()\n    init(a: Int)\n}\nstruct S {\n" + function(lines: 71),
            caughtOn: [6]),
        Canary(lineLength, String(repeating: "a", count: 100), caughtOn: []),
        Canary(lineLength, "\n" + String(repeating: "a", count: 101), caughtOn: [2]),
        Canary(lineLength, "// " + String(repeating: "é", count: 97), caughtOn: []),
    ]

    static let words = [
        Canary(unfinishedWork, "let a = 0 // TO" + "DO: more", caughtOn: [1]),
        Canary(unfinishedWork, "// FIX" + "ME", caughtOn: [1]),
        Canary(unfinishedWork, "let todoCount = 0", caughtOn: []),
        Canary(placesOfOneMachine, "let a = \"/ro" + "ot/x\"", caughtOn: [1]),
        Canary(placesOfOneMachine, "let a = \"/network/x\"", caughtOn: []),
    ]

    @Test(arguments: floors + traps + sizes + words)
    func catchesWhatItMustAndNothingElse(_ canary: Canary) {
        let source = SourceText(path: "Canary.swift", canary.code)
        let found = canary.rule.check(source, canary.room)
        #expect(Set(found.map(\.line)) == Set(canary.lines), "\(found)")
    }

    @Test func everyRuleHasACanaryThatDies() {
        let proven = Set(
            (Self.floors + Self.traps + Self.sizes + Self.words)
                .filter { !$0.lines.isEmpty }.map(\.rule.name))
        #expect(proven == Set(sourceRules.map(\.name)))
    }

    private static func function(lines: Int) -> String {
        "func f() {\n" + String(repeating: "    a()\n", count: lines - 2) + "}\n"
    }
}
