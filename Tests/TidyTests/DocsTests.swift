import Testing

/// The documents point at things that are there.
@Suite struct DocsTests {
    @Test func everyRelativeLinkResolves() throws {
        for path in try documents() {
            let folder = path.split(separator: "/").dropLast().joined(separator: "/")
            for target in links(in: try Tree.text(of: path)) {
                let file = target.prefix { $0 != "#" }
                guard !file.isEmpty, !file.contains(":") else { continue }
                let place = folder.isEmpty ? String(file) : "\(folder)/\(file)"
                #expect(Tree.exists(place), "\(path) points at \(target)")
            }
        }
    }

    @Test func everyTestThatTheTableOfBEPsNamesExists() throws {
        let table = try Tree.text(of: "Docs/BEPS.md")
        let named = testsNamed(in: table)
        #expect(!named.isEmpty, "Docs/BEPS.md names no tests")
        let known = try testsDeclared()
        for name in named where !known.contains(name) {
            Issue.record("Docs/BEPS.md names \(name), and there is no such test")
        }
    }

    @Test func everyRowOfTheTableOfBEPsNamesATest() throws {
        let rows = try Tree.text(of: "Docs/BEPS.md").split(separator: "\n")
            .filter { $0.hasPrefix("| ") && $0.dropFirst(2).first?.isNumber == true }
        #expect(!rows.isEmpty, "Docs/BEPS.md has no rows")
        for row in rows {
            #expect(!testsNamed(in: String(row)).isEmpty, "no test in the row: \(row)")
        }
    }

    @Test func readsLinksAndTestNames() {
        let text = "See [a](B.md#c), [d](https://e.f) and `GTests/h`, `not/Atest`, `i.swift`."
        #expect(links(in: text) == ["B.md#c", "https://e.f"])
        #expect(testsNamed(in: text) == ["GTests/h"])
    }

    private func documents() throws -> [String] {
        ["README.md"].filter(Tree.exists) + Tree.files(below: "Docs", ending: "md")
    }

    /// What stands in the round brackets of `[text](target)`.
    private func links(in text: String) -> [String] {
        text.split(separator: "](", omittingEmptySubsequences: false).dropFirst()
            .compactMap { part in part.firstIndex(of: ")").map { String(part[..<$0]) } }
    }

    /// Names of the form `SuiteTests/function`, in backticks.
    private func testsNamed(in text: String) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            .filter { name in
                let parts = name.split(separator: "/", omittingEmptySubsequences: false)
                return parts.count == 2 && parts[0].hasSuffix("Tests")
                    && name.allSatisfy { $0.isLetter || $0.isNumber || "/_".contains($0) }
            }
    }

    /// `Suite/function` for every test function, by the suite that encloses it in its file.
    private func testsDeclared() throws -> Set<String> {
        var names: Set<String> = []
        for source in try Tree.swift(below: "Tests") {
            var suite = ""
            for code in source.code.map({ String(decoding: $0, as: UTF8.self) }) {
                for keyword in ["struct ", "extension ", "final class ", "actor "] {
                    if let name = word(after: keyword, in: code), name.hasSuffix("Tests") {
                        suite = name
                    }
                }
                if let name = word(after: "func ", in: code) { names.insert("\(suite)/\(name)") }
            }
        }
        return names
    }

    private func word(after keyword: String, in code: String) -> String? {
        guard let range = code.firstRange(of: keyword) else { return nil }
        let word = code[range.upperBound...].prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        return word.isEmpty ? nil : String(word)
    }
}
