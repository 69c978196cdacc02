import Foundation
import Glibc
import Testing

@testable import Chunker

@Suite struct ScanTests {
    private func paths(_ tree: TemporaryTree, _ change: (inout ChunkOptions) -> Void = { _ in })
        throws -> [String]
    {
        var options = ChunkOptions()
        change(&options)
        return try Chunker(path: tree.path, options: options).files.map {
            $0.path.joined(separator: "/")
        }
    }

    @Test func filesComeFolderByFolderInTheOrderOfTheirNamesBytes() throws {
        let tree = try TemporaryTree()
        for name in ["b", "a/z", "a.txt", "a/C", "é", "a-", "Z", "a/b/c", "y", "\u{1F600}", ".h"] {
            try tree.file(name, [1])
        }
        #expect(
            try paths(tree) == [
                ".h", "Z", "a/C", "a/b/c", "a/z", "a-", "a.txt", "b", "y", "é", "\u{1F600}",
            ])
    }

    @Test func emptyFilesAreTakenAndEmptyFoldersAreNot() throws {
        let tree = try TemporaryTree()
        try tree.folder("nothing/at/all")
        try tree.file("empty", [])
        try tree.file("full", [1, 2, 3])
        let chunker = try Chunker(path: tree.path)
        #expect(chunker.files.map(\.path) == [["empty"], ["full"]])
        #expect(chunker.files.map(\.length) == [0, 3])
        #expect(chunker.totalLength == 3)
        #expect(chunker.pieceCount == 1)
        #expect(chunker.name == "tree")
    }

    @Test func executableIsWhatItsOwnerMayExecute() throws {
        let tree = try TemporaryTree()
        try tree.file("run", [1], isExecutable: true)
        try tree.file("read", [1])
        try tree.file("others", [1])
        chmod(tree.below("others"), 0o655)
        #expect(try Chunker(path: tree.path).files.map(\.isExecutable) == [false, false, true])
    }

    @Test func patternsSayWhatIsTaken() throws {
        let tree = try TemporaryTree()
        for name in ["a.mkv", "a.nfo", "Sample/a.mkv", "subs/de/x.srt", "subs/x.idx", ".DS_Store"] {
            try tree.file(name, [1])
        }
        #expect(
            try paths(tree) { $0.exclude = ["Sample", ".*", "*.nfo"] }
                == ["a.mkv", "subs/de/x.srt", "subs/x.idx"])
        #expect(try paths(tree) { $0.include = ["*.mkv"] } == ["Sample/a.mkv", "a.mkv"])
        let both = try paths(tree) {
            $0.include = ["/subs/", "*.mkv"]
            $0.exclude = ["*.idx", "Sample/"]
        }
        #expect(both == ["a.mkv", "subs/de/x.srt"])
    }

    @Test func aLoneFileIsTakenUnderItsName() throws {
        let tree = try TemporaryTree()
        try tree.file("one.iso", [1, 2], isExecutable: true)
        let chunker = try Chunker(path: tree.below("one.iso"))
        #expect(chunker.name == "one.iso")
        #expect(
            chunker.files == [
                ChunkFile(path: ["one.iso"], length: 2, isExecutable: true, linkTarget: nil)
            ])
        var options = ChunkOptions()
        options.name = "two"
        #expect(try Chunker(path: tree.below("one.iso"), options: options).files[0].path == ["two"])
        options.exclude = ["*.iso"]
        #expect(throws: ChunkerError.noFiles(path: tree.below("one.iso"))) {
            try Chunker(path: tree.below("one.iso"), options: options)
        }
    }

    @Test func theNameIsThatOfTheFolderHoweverItIsSpelled() throws {
        let tree = try TemporaryTree(name: "näme")
        try tree.file("x/a", [1])
        #expect(try Chunker(path: tree.path).name == "näme")
        #expect(try Chunker(path: tree.path + "//").name == "näme")
        #expect(try Chunker(path: tree.path + "/.").name == "näme")
        #expect(try Chunker(path: tree.path + "/x/..").name == "näme")
        symlink(tree.path, tree.outside("alias"))
        #expect(try Chunker(path: tree.outside("alias")).name == "alias")
        for name in ["", ".", "..", "a/b", "a\0b"] {
            var options = ChunkOptions()
            options.name = name
            #expect(throws: ChunkerError.nameNotAllowed(name)) {
                try Chunker(path: tree.path, options: options)
            }
        }
    }

    @Test func refusesWhatHasNothingToShare() throws {
        let tree = try TemporaryTree()
        #expect(throws: ChunkerError.noFiles(path: tree.path)) { try Chunker(path: tree.path) }
        try tree.file("empty", [])
        #expect(throws: ChunkerError.noContent(path: tree.path)) { try Chunker(path: tree.path) }
        let missing = tree.below("missing")
        #expect(throws: ChunkerError.notFound(path: missing)) { try Chunker(path: missing) }
        #expect(throws: ChunkerError.notFound(path: "")) { try Chunker(path: "") }
        let through = tree.below("empty/x")
        #expect(throws: ChunkerError.notFound(path: through)) { try Chunker(path: through) }
    }

    @Test func refusesPipesSocketsAndDevicesByName() throws {
        let tree = try TemporaryTree()
        try tree.file("a", [1])
        mkfifo(tree.below("pipe"), 0o600)
        let pipe = tree.below("pipe")
        #expect(throws: ChunkerError.specialFile(path: pipe, .fifo)) {
            try Chunker(path: tree.path)
        }
        #expect(throws: ChunkerError.specialFile(path: pipe, .fifo)) { try Chunker(path: pipe) }
        #expect(try paths(tree) { $0.exclude = ["pipe"] } == ["a"])
        unlink(pipe)
        let descriptor = try listen(at: tree.below("s"))
        defer { close(descriptor) }
        #expect(throws: ChunkerError.specialFile(path: tree.below("s"), .socket)) {
            try Chunker(path: tree.path)
        }
        #expect(throws: ChunkerError.specialFile(path: "/dev/null", .device)) {
            try Chunker(path: "/dev/null")
        }
    }

    private func listen(at path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        try #require(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        return descriptor
    }

    @Test func refusesNamesThatAreNotUTF8AndShowsThem() throws {
        let tree = try TemporaryTree()
        try tree.file("a", [1])
        let name = Array(tree.path.utf8) + Array("/x".utf8) + [0xFF, 0x0A, 0xC3, 0xA9]
        let descriptor = withCString(name) { open($0, O_CREAT | O_WRONLY, 0o600) }
        close(descriptor)
        let shown = tree.path + "/x\\xff\\x0aé"
        #expect(throws: ChunkerError.nameNotUTF8(path: shown)) { try Chunker(path: tree.path) }
        #expect(try paths(tree) { $0.exclude = ["x?\n*"] } == ["a"])
    }

    @Test(arguments: [
        ("a/Makefile", "a/makefile", "a/makefile.1"), ("B", "b/x", "B.1"),
        ("e\u{301}", "\u{E9}", "\u{E9}.1"), ("x", "back\\slash", "back_slash"),
        ("x", "new\nline", "new_line"), ("x", "f\u{202E}gpj.exe", "f_gpj.exe"),
    ])
    func refusesNamesThatReceiversWouldChange(one: String, other: String, wouldBe: String) throws {
        let tree = try TemporaryTree()
        try tree.file(one, [1])
        try tree.file(other, [1])
        let error = #expect(throws: ChunkerError.self) { try Chunker(path: tree.path) }
        guard case .nameNotPortable(let path, let name) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(name == wouldBe)
        #expect(path.hasPrefix(tree.path + "/"))
    }

    @Test func refusesAFolderWhoseNameReceiversWouldChange() throws {
        let tree = try TemporaryTree(name: "odd\u{7}")
        try tree.file("x", [1])
        let error = ChunkerError.nameNotPortable(
            path: tree.path.dropLast() + "\\x07", wouldBe: "odd_")
        #expect(throws: error) { try Chunker(path: tree.path) }
        var options = ChunkOptions()
        options.name = "even"
        #expect(try Chunker(path: tree.path, options: options).name == "even")
    }

    @Test func refusesFilesAndFoldersThatMayNotBeReadBeforeAnythingIsHashed() throws {
        let tree = try TemporaryTree()
        try tree.file("a", [1])
        try tree.file("secret", [1])
        chmod(tree.below("secret"), 0)
        try asNobody(tree) {
            #expect(
                throws: ChunkerError.unreadable(path: tree.below("secret"), errno: EACCES)
            ) { try Chunker(path: tree.path) }
            #expect(
                throws: ChunkerError.unreadable(path: tree.below("secret"), errno: EACCES)
            ) { try Chunker(path: tree.below("secret")) }
            let others = try paths(tree) { $0.exclude = ["secret"] }
            #expect(others == ["a"])
        }
        unlink(tree.below("secret"))
        try tree.folder("closed")
        chmod(tree.below("closed"), 0)
        try asNobody(tree) {
            #expect(
                throws: ChunkerError.unreadable(path: tree.below("closed"), errno: EACCES)
            ) { try Chunker(path: tree.path) }
            let others = try paths(tree) { $0.exclude = ["closed"] }
            #expect(others == ["a"])
        }
        chmod(tree.below("closed"), 0o700)
    }

    /// Root may read everything; so this thread alone, if it is root, becomes somebody else
    /// for the file system.
    private func asNobody(_ tree: TemporaryTree, _ body: () throws -> Void) throws {
        guard geteuid() == 0 else { return try body() }
        typealias Call = @convention(c) (UInt32) -> Int32
        let symbol = try #require(dlsym(nil, "setfsuid"))
        let setfsuid = unsafeBitCast(symbol, to: Call.self)
        chmod(tree.outside(""), 0o755)
        _ = setfsuid(65534)
        defer { _ = setfsuid(0) }
        try body()
    }

    @Test func refusesTreesThatAreTooDeep() throws {
        let tree = try TemporaryTree()
        let deepest = Array(repeating: "d", count: Limits.folderDepthMax).joined(separator: "/")
        try tree.file(deepest + "/f", [1])
        #expect(try paths(tree) == [deepest + "/f"])
        try tree.file(deepest + "/d/f", [1])
        #expect(
            throws: ChunkerError.tooDeep(
                path: tree.below(deepest + "/d"), max: Limits.folderDepthMax)
        ) { try Chunker(path: tree.path) }
    }

    // MARK: - Links

    private func targets(_ tree: TemporaryTree) throws -> [String: String] {
        var targets: [String: String] = [:]
        for file in try Chunker(path: tree.path).files {
            targets[file.path.joined(separator: "/")] = file.linkTarget?.joined(separator: "/")
        }
        return targets
    }

    @Test func linksThatPointInsideStayLinks() throws {
        let tree = try TemporaryTree()
        try tree.file("a/b/file", [1, 2])
        try tree.link("a/beside", to: "b/file")
        try tree.link("a/b/up", to: "../b/./file")
        try tree.link("top", to: "a//beside")
        try tree.link("folder", to: "a/b")
        try tree.link("full", to: tree.below("a/b/file"))
        try tree.link("around", to: "../tree/a/b/file")
        try tree.link("through", to: "folder/file")
        #expect(
            try targets(tree) == [
                "a/beside": "a/b/file", "a/b/up": "a/b/file", "top": "a/beside", "folder": "a/b",
                "full": "a/b/file", "around": "a/b/file", "through": "a/b/file",
            ])
        let link = try #require(try Chunker(path: tree.path).files.first { $0.path == ["top"] })
        #expect(link.length == 0 && link.isExecutable)
    }

    @Test("M6 a folder reached by a link is not gone into again")
    func m6circles() throws {
        let tree = try TemporaryTree()
        try tree.file("a/f", [1])
        try tree.file("b/f", [1])
        try tree.link("a/b", to: "../b")
        try tree.link("b/a", to: "../a")
        #expect(try paths(tree) == ["a/b", "a/f", "b/a", "b/f"])
        #expect(try targets(tree) == ["a/b": "b", "b/a": "a"])
    }

    @Test("M6 links out of the folder, to nothing, in circles and to what is left out are refused")
    func m6refusals() throws {
        let tree = try TemporaryTree()
        try tree.file("a", [1])
        try tree.write([9], to: tree.outside("other"))
        let link = tree.below("link")
        for target in ["/etc/passwd", "../other", "../../../../../../etc/passwd", ".", tree.path] {
            try tree.link("link", to: target)
            #expect(throws: ChunkerError.linkLeavesFolder(path: link, target: target)) {
                try Chunker(path: tree.path)
            }
            #expect(try paths(tree) { $0.exclude = ["link"] } == ["a"])
            unlink(link)
        }
        try tree.file("f/b", [1])
        for target in ["nothing", "/nothing", "link", "a/x"] {
            try tree.link("link", to: target)
            #expect(throws: ChunkerError.linkDangles(path: link, target: target)) {
                try Chunker(path: tree.path)
            }
            unlink(link)
        }
        try tree.link("f/up", to: "../f")
        #expect(throws: ChunkerError.linkDangles(path: tree.below("f/up"), target: "../f")) {
            try Chunker(path: tree.path)
        }
        unlink(tree.below("f/up"))
        try tree.link("link", to: "a")
        #expect(throws: ChunkerError.linkDangles(path: link, target: "a")) {
            var options = ChunkOptions()
            options.exclude = ["a"]
            _ = try Chunker(path: tree.path, options: options)
        }
    }

    @Test func aLinkThatTheUserNamesIsFollowed() throws {
        let tree = try TemporaryTree()
        try tree.file("a", [1, 2, 3])
        symlink(tree.below("a"), tree.outside("alias"))
        let chunker = try Chunker(path: tree.outside("alias"))
        #expect(chunker.files.map(\.linkTarget) == [nil])
        #expect(chunker.totalLength == 3)
    }
}
