import Foundation
import Glibc

/// The program while it runs: its lines as they come, and signals to it.
final class Running {
    struct TimedOut: Error, CustomStringConvertible {
        let description: String
    }

    private let process: Process
    private let output: FileHandle
    private var buffer = Data()
    private let errorPath: String

    /// Starts the program with `--json`; standard error goes to a file of the folder.
    init(_ swarm: Binary, _ arguments: [String], environment: [String: String] = [:]) throws {
        process = swarm.process(arguments + ["--json"], environment)
        errorPath = swarm.folder.path("stderr-\(arguments.hashValue)")
        _ = FileManager.default.createFile(atPath: errorPath, contents: nil)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle(forWritingAtPath: errorPath)
        process.standardInput = FileHandle.nullDevice
        output = pipe.fileHandleForReading
        try process.run()
    }

    deinit {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    var errorText: String {
        (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
    }

    /// The next object, `nil` at the end of the output.
    func next(within seconds: Double = 120) throws -> [String: Any]? {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while true {
            if let end = buffer.firstIndex(of: 0x0A) {
                let line = buffer[buffer.startIndex..<end]
                buffer = Data(buffer[(end + 1)...])
                return try JSONSerialization.jsonObject(with: line) as? [String: Any]
            }
            var place = pollfd(
                fd: output.fileDescriptor, events: Int16(POLLIN), revents: 0)
            let left = deadline.timeIntervalSinceNow
            guard left > 0, poll(&place, 1, Int32(left * 1_000) + 1) > 0 else {
                throw TimedOut(description: "no line came; standard error: \(errorText)")
            }
            let data = output.availableData
            if data.isEmpty { return nil }
            buffer += data
        }
    }

    /// The first object with this event.
    func event(_ name: String, within seconds: Double = 120) throws -> [String: Any] {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while let object = try next(within: deadline.timeIntervalSinceNow) {
            if object["event"] as? String == name { return object }
        }
        throw TimedOut(description: "ended without \(name); standard error: \(errorText)")
    }

    /// All events that are left, by name, and how the program ended.
    func end(within seconds: Double = 120) throws -> (events: [String], status: Int32) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        var events: [String] = []
        while let object = try next(within: deadline.timeIntervalSinceNow) {
            events.append(object["event"] as? String ?? "?")
        }
        process.waitUntilExit()
        return (events, process.terminationStatus)
    }

    func signal(_ number: Int32) { kill(process.processIdentifier, number) }
}
