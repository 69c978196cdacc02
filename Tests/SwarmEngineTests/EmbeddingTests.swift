import Chunker
import Foundation
import Metainfo
import SwarmEngine
import Testing

@Suite(.timeLimit(.minutes(10))) struct EmbeddingTests {
    @Test func theExampleInTheReadmeIsTheOneThatIsCompiled() throws {
        let here = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let example = try String(
            contentsOf: here.appendingPathComponent("EmbeddingExample.swift"), encoding: .utf8)
        let root = here.deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(
            contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        #expect(readme.contains("```swift\n" + example + "```"))
    }

    @Test func theExampleFetchesWhatIsThereAlready() async throws {
        let scratch = try Scratch()
        try scratch.write("content", bytes: 200_000, seed: 9)
        let manifest = try scratch.manifest(of: "content", .hybrid)
        try await fetch(manifest.encoded(), into: scratch.path)
    }
}
