import Foundation
import Glibc

/// A folder that lives as long as this does.
final class TemporaryTree {
    /// The folder to share, in a folder of its own.
    let path: String
    private let base: String

    init(name: String = "tree") throws {
        var template = Array((NSTemporaryDirectory() + "/chunker-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        base = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        path = base + "/" + name
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: base) }

    /// Beside the folder, not in it.
    func outside(_ name: String) -> String { base + "/" + name }

    func below(_ name: String) -> String { path + "/" + name }

    func folder(_ name: String) throws {
        try FileManager.default.createDirectory(
            atPath: below(name), withIntermediateDirectories: true)
    }

    func file(_ name: String, _ content: [UInt8], isExecutable: Bool = false) throws {
        // By bytes, as a name may begin with a character that joins the slash.
        if let end = name.utf8.lastIndex(of: UInt8(ascii: "/")) {
            try folder(String(name[..<end]))
        }
        try write(content, to: below(name))
        if isExecutable { chmod(below(name), 0o755) }
    }

    func file(_ name: String, length: Int) throws {
        try file(name, Self.bytes(length, seed: UInt64(length) &+ 1))
    }

    func write(_ content: [UInt8], to path: String) throws {
        try Data(content).write(to: URL(fileURLWithPath: path))
    }

    func link(_ name: String, to target: String) throws {
        guard symlink(target, below(name)) == 0 else { throw POSIXError(.EIO) }
    }

    /// Bytes without a pattern, the same for the same seed.
    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        let words = (0..<(count + 7) / 8).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }
}
