import Foundation

/// Files of `Fixtures`, beside `Tests`.
enum Fixtures {
    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")

    static func bytes(_ path: String) -> [UInt8] {
        (try? Data(contentsOf: folder.appending(path: path))).map { Array($0) } ?? []
    }

    static func files(in path: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(
            atPath: folder.appending(path: path).path(percentEncoded: false))
        return (names ?? []).sorted()
    }
}
