import Foundation
import FuzzEntries
import Testing

/// Every input that has ever mattered, again.
@Suite struct FuzzCorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/Corpora")

    @Test(arguments: FuzzEntry.allCases)
    func everyInputOfTheCorpusIsTakenWithoutHarm(_ entry: FuzzEntry) throws {
        let folder = Self.corpora.appending(path: entry.rawValue)
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty, "no corpus for \(entry)")
        for file in files.sorted(by: { $0.path < $1.path }) {
            let broken = entry.run(Array(try Data(contentsOf: file)))
            #expect(broken == nil, "\(file.lastPathComponent): \(broken ?? "")")
        }
    }

    /// And every input cut short at every byte, and with a bit of each byte turned over.
    @Test(arguments: FuzzEntry.allCases)
    func whatIsNearTheCorpusIsTakenWithoutHarmToo(_ entry: FuzzEntry) throws {
        let folder = Self.corpora.appending(path: entry.rawValue)
        let files = try FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        for file in files {
            let bytes = Array(try Data(contentsOf: file).prefix(512))
            for place in bytes.indices {
                var changed = bytes
                changed[place] ^= 1 << UInt8(place % 8)
                let broken = entry.run(Array(bytes[..<place])) ?? entry.run(changed)
                guard let broken else { continue }
                Issue.record("\(file.lastPathComponent), byte \(place): \(broken)")
                return
            }
        }
    }

    @Test func everyCorpusHasAnEntry() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.corpora.path)
        #expect(Set(names).isSubset(of: Set(FuzzEntry.allCases.map(\.rawValue))))
    }
}
