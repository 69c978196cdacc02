import Foundation

/// The built program, run as users run it.
struct Binary {
    struct Outcome {
        let status: Int32
        let output: String
        let error: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }

        /// The objects on the lines of the output.
        func objects() throws -> [[String: Any]] {
            try lines.map {
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
            }
        }
    }

    /// It lies beside the test's own executable.
    static let path = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "swarm").path

    /// A folder of its own for one test, gone with it.
    let folder: TemporaryFolder

    /// A process that has been started, with nothing of the caller's environment but the path.
    func process(_ arguments: [String], _ environment: [String: String] = [:]) -> Process {
        let process = Process()
        process.executableURL = URL(filePath: Self.path)
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        process.environment = [
            "PATH": "/usr/bin:/bin", "HOME": folder.path("home"), "LANG": "C.UTF-8",
            // No test speaks to the world.
            "SWARM_NO_DHT": "1", "SWARM_NO_LSD": "1",
        ].merging(environment) { $1 }
        return process
    }

    func run(
        _ arguments: String..., environment: [String: String] = [:], input: Data? = nil
    ) throws -> Outcome {
        try runAll(arguments, environment: environment, input: input)
    }

    func runAll(
        _ arguments: [String], environment: [String: String] = [:], input: Data? = nil
    ) throws -> Outcome {
        let process = process(arguments, environment)
        let output = Pipe()
        let error = try FileHandle(forWritingTo: folder.file("stderr", Data()))
        process.standardOutput = output
        process.standardError = error
        if let input {
            process.standardInput = try FileHandle(forReadingFrom: folder.file("stdin", input))
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
            error: try String(contentsOfFile: folder.path("stderr"), encoding: .utf8))
    }
}

/// A folder that is removed with the last reference to it.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(
            path: "swarm-test-\(UInt64.random(in: 0...(.max)))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appending(path: name).path }

    @discardableResult
    func file(_ name: String, _ content: Data) throws -> URL {
        let file = url.appending(path: name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try content.write(to: file)
        return file
    }

    func file(_ name: String, _ text: String) throws { try file(name, Data(text.utf8)) }

    func content(_ name: String) throws -> Data { try Data(contentsOf: url.appending(path: name)) }

    var names: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: url.path))?.sorted() ?? []
    }
}

/// Bytes that differ from place to place and are the same in every run.
func testBytes(_ count: Int) -> Data {
    var state: UInt32 = 1
    return Data(
        (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        })
}
