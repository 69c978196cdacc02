import Testing
import Units

@testable import Chunker

@Suite struct GlobTests {
    private func matches(
        _ pattern: String, _ path: String, isFolder: Bool = false
    ) throws -> Bool {
        try Glob(pattern).matches(GlobPath(Array(path.utf8)), isFolder: isFolder)
    }

    @Test(arguments: [
        ("*.mkv", "a.mkv"), ("*.mkv", "x/y/a.mkv"), ("*.mkv", ".mkv"), ("a?c", "abc"),
        ("a?c", "aéc"), ("a?c", "a\u{1F600}c"), ("[a-c]x", "bx"), ("[!a-c]x", "dx"),
        ("[^a-c]x", "dx"), ("[]x]", "]"), ("[a-]", "-"), ("[\\]]", "]"), ("\\*", "*"),
        ("[é-ü]", "ö"), ("/a", "a"), ("/a/*", "a/b"), ("a/b", "a/b"), ("a/**", "a/b/c"),
        ("**/b", "b"), ("**/b", "x/b"), ("**/b", "x/y/b"), ("a/**/b", "a/b"),
        ("a/**/b", "a/x/b"), ("a/**/b", "a/x/y/b"), ("a/**/**/b", "a/x/b"), ("**", "x"),
        ("/**", "x/y"), ("a**c", "abbc"), ("*", ".hidden"), ("*a*b*c*", "xxaxxbxxcxx"),
        ("**/*.txt", "a/b.txt"), ("**/*.txt", "b.txt"), ("***", "abc"), ("a/*/c", "a/b/c"),
    ])
    func matches(pattern: String, path: String) throws {
        #expect(try matches(pattern, path))
    }

    @Test(arguments: [
        ("*.mkv", "a.mkv.part"), ("a?c", "ac"), ("a?c", "abbc"), ("[a-c]x", "dx"),
        ("[!a-c]x", "bx"), ("/a", "x/a"), ("/a/*", "a/b/c"), ("a/b", "x/a/b"), ("a/*", "a"),
        ("**/b", "ab"), ("**/b", "x/ab"), ("a/**/b", "ab"), ("a/**/b", "a/xb"), ("a/**", "a"),
        ("a?b/", "a/b"), ("x/a?b", "x/a/b"), ("x/a[!c]b", "x/a/b"), ("x/*", "x/a/b"),
        ("A", "a"), ("\\*", "a"), ("*a*b*c*", "xxaxxcxxbxx"), ("?", ""), ("a", "ab"),
    ])
    func doesNotMatch(pattern: String, path: String) throws {
        #expect(try !matches(pattern, path))
    }

    @Test func aSlashAtTheEndIsForFolders() throws {
        #expect(try matches("cache/", "x/cache", isFolder: true))
        #expect(try !matches("cache/", "x/cache"))
        #expect(try matches("/x/cache/", "x/cache", isFolder: true))
        #expect(try matches("cache", "x/cache", isFolder: true))
    }

    @Test func aByteThatIsNotUTF8IsACharacter() throws {
        let path = GlobPath([UInt8(ascii: "a"), 0xFF, UInt8(ascii: "b"), 0xC3])
        #expect(try Glob("a?b?").matches(path, isFolder: false))
        #expect(try Glob("a*").matches(path, isFolder: false))
        #expect(try !Glob("a?b").matches(path, isFolder: false))
    }

    @Test(arguments: [
        ("", ChunkerError.PatternFault.empty), ("/", .empty), ("[a", .openSet), ("[", .openSet),
        ("[]", .openSet), ("[!", .openSet), ("[a\\", .openSet), ("[z-a]", .emptySet),
        ("a\\", .danglingEscape), (String(repeating: "a", count: 4097), .tooLong),
    ])
    func refusesWhatIsNoPattern(pattern: String, fault: ChunkerError.PatternFault) {
        #expect(throws: ChunkerError.patternNotAllowed(pattern, fault)) { try Glob(pattern) }
    }

    @Test func takesThePatternsUpToTheirBounds() throws {
        _ = try Glob(String(repeating: "a", count: Limits.patternBytesMax))
        let many = Array(repeating: "a", count: Limits.patternCountMax)
        _ = try PathFilter(include: many, exclude: many)
        #expect(throws: ChunkerError.tooManyPatterns(max: Limits.patternCountMax)) {
            try PathFilter(include: [], exclude: many + ["a"])
        }
    }

    /// What the patterns mean, told by a program that tries everything.
    private func naive(_ pattern: ArraySlice<Character>, _ text: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = pattern.dropFirst()
        switch first {
        case "?":
            return !text.isEmpty && text.first != "/" && naive(rest, text.dropFirst())
        case "*":
            let isAny = rest.first == "*"
            let after = isAny ? rest.dropFirst() : rest
            for length in 0...text.count {
                if !isAny, text.prefix(length).contains("/") { break }
                if naive(after, text.dropFirst(length)) { return true }
            }
            return false
        default:
            return text.first == first && naive(rest, text.dropFirst())
        }
    }

    @Test(arguments: [61, 62, 63] as [UInt64])
    func agreesWithAProgramThatTriesEverything(seed: UInt64) throws {
        var rng = SeededGenerator(seed: seed)
        var matched = 0
        for _ in 0..<3000 {
            // "/x" first, so that the whole path is matched and `**/` is not at the beginning of
            // an element, where it means folders.
            let tokens = (0..<Int.random(in: 0...6, using: &rng)).map { _ in
                ["a", "b", "?", "*", "a**", "/"][Int.random(in: 0..<6, using: &rng)]
            }
            let pattern = "x/x" + tokens.joined() + "a"
            guard !pattern.contains("/*"), !pattern.contains("***") else { continue }
            let text =
                "x/x"
                + (0..<Int.random(in: 0...8, using: &rng)).map { _ in
                    ["a", "b", "/"][Int.random(in: 0..<3, using: &rng)]
                }.joined() + "a"
            let expected = naive(Array(pattern)[...], Array(text)[...])
            matched += expected ? 1 : 0
            #expect(try matches(pattern, text) == expected, "\(pattern) \(text) seed \(seed)")
        }
        #expect(matched > 50)
    }

    @Test func starsWithoutEndTakeNoTimeWithoutEnd() throws {
        let pattern = String(repeating: "*a", count: 60) + "b"
        #expect(try !matches(pattern, String(repeating: "a", count: 200)))
    }

    @Test func excludesBeforeItIncludes() throws {
        let filter = try PathFilter(include: ["*.txt", "docs/"], exclude: ["draft*", "/tmp/"])
        func verdict(_ path: String, isFolder: Bool = false, isInside: Bool = false) -> String {
            let path = Array(path.utf8)
            return "\(filter.verdict(on: path, isFolder: isFolder, isInside: isInside))"
        }
        #expect(verdict("a.txt") == "take")
        #expect(verdict("a.bin") == "leaveOut")
        #expect(verdict("x", isFolder: true) == "lookInside")
        #expect(verdict("docs", isFolder: true) == "take")
        #expect(verdict("docs/a.bin", isInside: true) == "take")
        #expect(verdict("docs/draft.bin", isInside: true) == "leaveOut")
        #expect(verdict("draft.txt") == "leaveOut")
        #expect(verdict("tmp", isFolder: true) == "leaveOut")
        #expect(verdict("x/tmp", isFolder: true) == "lookInside")
    }
}
