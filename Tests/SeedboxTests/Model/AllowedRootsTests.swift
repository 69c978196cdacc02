import Foundation
import Testing

@testable import Seedbox

@Suite struct AllowedRootsTests {
    private let scratch: ModelScratch
    private let roots: AllowedRoots

    init() throws {
        scratch = try ModelScratch()
        _ = try scratch.folder("downloads/films")
        _ = try scratch.folder("elsewhere")
        var settings = Settings()
        settings.storage.downloadFolder = scratch.path + "/downloads/"
        roots = AllowedRoots(settings)
    }

    @Test func foldersUnderTheRootsAreAllowedWhetherTheyAreThereOrNot() throws {
        let base = scratch.path + "/downloads"
        #expect(try roots.checked(base) == base)
        #expect(try roots.checked(base + "//films/") == base + "/films")
        #expect(try roots.checked(base + "/new/deep") == base + "/new/deep")
    }

    @Test("R8 folders outside the roots, relative ones and those with .. are refused")
    func othersAreNot() {
        let base = scratch.path + "/downloads"
        for folder in [
            "/etc", "/", "", "downloads", "films", base + "x", scratch.path + "/elsewhere",
            base + "/../elsewhere", base + "/./films", base + "/a\nb", base + "/a\0b",
            base + "/" + String(repeating: "a", count: 5_000),
        ] {
            #expect(throws: SeedboxError.self, "\(folder.prefix(80))") {
                try roots.checked(folder)
            }
        }
    }

    @Test("R8 a symbolic link that leads out of the roots is refused, one within them is not")
    func linksAreFollowed() throws {
        let base = scratch.path + "/downloads"
        let files = FileManager.default
        try files.createSymbolicLink(
            atPath: base + "/out", withDestinationPath: scratch.path + "/elsewhere")
        try files.createSymbolicLink(
            atPath: base + "/nowhere", withDestinationPath: scratch.path + "/not-there")
        try files.createSymbolicLink(
            atPath: base + "/within", withDestinationPath: base + "/films")
        #expect(throws: SeedboxError.self) { try roots.checked(base + "/out") }
        #expect(throws: SeedboxError.self) { try roots.checked(base + "/out/new") }
        #expect(throws: SeedboxError.self) { try roots.checked(base + "/nowhere/new") }
        #expect(try roots.checked(base + "/within/new") == base + "/within/new")
    }
}

@Suite struct LabelsTests {
    @Test func labelsAreBoundedLinesAndEachIsKeptOnce() throws {
        #expect(try Labels.checked(["b", "a", "b"]) == ["b", "a"])
        let long = String(repeating: "a", count: Limits.labelBytesMax)
        #expect(try Labels.checked([long]) == [long])
        for bad in ["", long + "a", "a,b", "a\nb", "a\u{7F}"] {
            #expect(throws: SeedboxError.self) { try Labels.checked([bad]) }
        }
        let many = (0..<Limits.labelsMax).map { "\($0)" }
        #expect(try Labels.checked(many).count == Limits.labelsMax)
        #expect(throws: SeedboxError.self) { try Labels.checked(many + ["more"]) }
    }
}
