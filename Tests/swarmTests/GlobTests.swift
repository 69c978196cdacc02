import Testing

@testable import swarm

@Suite struct GlobTests {
    private func matches(_ pattern: String, _ path: String) throws -> Bool {
        try Glob(pattern).matches(path.split(separator: "/").map(String.init))
    }

    @Test(arguments: [
        ("*.mkv", "film.mkv"), ("*.mkv", "a/b/film.mkv"), ("extras", "extras/one.txt"),
        ("extras", "a/extras/one.txt"), ("a/*.txt", "a/x.txt"), ("a/**/x", "a/x"),
        ("a/**/x", "a/b/c/x"), ("a/**", "a/b/c"), ("**/x", "x"), ("/a/b", "a/b"), ("a", "a"),
        ("a/b", "a/b/c"), ("?.txt", "é.txt"), ("[a-c]x", "bx"), ("[!a-c]x", "dx"), ("[]]", "]"),
        ("[a-]", "-"), ("*.{mkv,mp4}", "x.mp4"), ("{a,b}/{c,d}", "b/c"), ("\\*", "*"),
        ("a*b*c", "aXbYbZc"), ("*", "x"), ("**", "x/y"), ("x{,.gz}", "x"),
    ])
    func takes(_ pattern: String, _ path: String) throws {
        #expect(try matches(pattern, path))
    }

    @Test(arguments: [
        ("*.mkv", "film.mkv.txt"), ("a/*.txt", "a/b/x.txt"), ("a/*.txt", "b/a/x.txt"),
        ("b", "abc"), ("?.txt", ".txt"), ("[a-c]x", "dx"), ("[!a-c]x", "ax"), ("a/b", "a"),
        ("*.{mkv,mp4}", "x.mp"), ("\\*", "x"), ("a*b*c", "aXbYb"), ("A", "a"), ("/", "x"),
        ("a/**/x", "a/b/y"),
    ])
    func leaves(_ pattern: String, _ path: String) throws {
        #expect(try !matches(pattern, path))
    }

    @Test func refusesWhatCannotBeMeant() {
        #expect(throws: ValueFault.emptyGlob) { try Glob("") }
        #expect(throws: ValueFault.unclosedGlob("[")) { try Glob("[ab") }
        #expect(throws: ValueFault.unclosedGlob("{")) { try Glob("{a,b") }
        #expect(throws: ValueFault.reversedRange("z-a")) { try Glob("[z-a]") }
    }

    @Test func bracesAreBounded() throws {
        let ten = "{0,1,2,3,4,5,6,7,8,9}"
        #expect(try matches(ten + ten + ten, "737"))
        #expect(throws: ValueFault.outOfRange) { try Glob(ten + ten + ten + "{0,1}") }
    }

    @Test(.timeLimit(.minutes(1))) func manyStarsTakeNoLongerThanTheirNumber() throws {
        let pattern = String(repeating: "*a", count: 500) + "b"
        #expect(try !matches(pattern, String(repeating: "a", count: 5_000)))
        let folders = String(repeating: "**/", count: 200) + "b"
        #expect(try !matches(folders, Array(repeating: "a", count: 500).joined(separator: "/")))
    }
}
