import Chunker
import Testing

@Suite struct PathPatternsTests {
    private func match(_ pattern: String, _ path: String) throws -> Bool {
        try PathPatterns([pattern]).match(path.split(separator: "/").map(String.init))
    }

    @Test func aFileMatchesByItsNameItsPathOrAFolderOfIt() throws {
        #expect(try match("*.mkv", "a/b/film.mkv"))
        #expect(try match("extras", "a/extras/one.txt"))
        #expect(try match("a/*.txt", "a/x.txt"))
        #expect(try match("a/**", "a/b/c"))
        #expect(try match("extras/", "extras/one.txt"))
        #expect(try !match("extras/", "a/extras"))
        #expect(try !match("*.mkv", "film.mkv.txt"))
        #expect(try !match("a/*.txt", "a/b/x.txt"))
    }

    @Test func noPatternsMatchNothing() throws {
        #expect(try !PathPatterns([]).match(["a"]))
        #expect(throws: ChunkerError.self) { try PathPatterns(["[a"]) }
    }
}
