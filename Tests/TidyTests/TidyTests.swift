import Testing

@Suite struct TidyTests {
    @Test func sourcesKeepTheHouseRules() throws {
        let sources = try Tree.swift(below: "Sources")
        #expect(sources.count > 10, "the tree was not found")
        let found = sources.flatMap { source in
            let room = source.path.split(separator: "/").dropFirst().first.map(String.init)
            return sourceRules.flatMap { $0.check(source, room) }
        }
        report(found)
    }

    @Test func testsKeepTheirRules() throws {
        let sources = try Tree.swift(below: "Tests")
        #expect(!sources.isEmpty, "the tree was not found")
        report(sources.flatMap { source in sharedRules.flatMap { $0.check(source, nil) } })
    }

    @Test func manifestKeepsItsRules() throws {
        let source = SourceText(path: "Package.swift", try Tree.text(of: "Package.swift"))
        report(sharedRules.flatMap { $0.check(source, nil) })
    }

    @Test func textsNameNoPlaceOfOneMachine() throws {
        let paths =
            ["Makefile", "README.md"].filter(Tree.exists)
            + ["md", "sh", "py"].flatMap { ending in
                ["Docs", "Tests"].flatMap { Tree.files(below: $0, ending: ending) }
            }
        report(
            try paths.flatMap { path in
                let source = SourceText(path: path, try Tree.text(of: path))
                return [unfinishedWork, placesOfOneMachine].flatMap { $0.check(source, nil) }
            })
    }

    @Test func nothingElseStandsAtTheTop() {
        let names = Tree.names(in: "").filter { !$0.hasPrefix(".") && $0 != "Package.resolved" }
        #expect(Set(names).subtracting(House.topLevel).isEmpty)
    }

    private func report(_ found: [Finding]) {
        for finding in found { Issue.record("\(finding)") }
    }
}
