import Foundation
import Testing

@Suite(.ownThreads) struct InstallTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// The repository.
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private func run(
        _ program: String, _ arguments: [String], _ environment: [String: String] = [:]
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin:/usr/sbin"].merging(environment) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    private func install() throws {
        let script = Self.root.appending(path: "Tests/Support/install.sh").path
        // Any program will do for the simulator, which may not be built here.
        let outcome = try run(
            script, [folder.path("usr")], ["SWARM": Binary.path, "SWARM_SIM": "/bin/true"])
        #expect(outcome.status == 0, "\(outcome.output)")
    }

    @Test func putsEverythingInItsPlace() throws {
        try install()
        for file in [
            "bin/swarm", "bin/swarm-sim", "share/man/man1/swarm.1",
            "share/man/man1/swarm-sim.1", "share/swarm/scenarios/1k-loss.scenario",
            "lib/systemd/system/swarm.service",
            "share/systemd/user/swarm.service", "lib/sysusers.d/swarm.conf",
            "share/bash-completion/completions/swarm", "share/zsh/site-functions/_swarm",
            "share/fish/vendor_completions.d/swarm.fish",
        ] {
            #expect(try !folder.content("usr/" + file).isEmpty, "\(file)")
        }
        let unit = String(
            decoding: try folder.content("usr/lib/systemd/system/swarm.service"), as: UTF8.self)
        #expect(unit.contains("ExecStart=\(folder.path("usr"))/bin/swarm daemon"))
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: systemdAnalyze)))
    func systemdTakesTheUnitsAndFindsThemHardened() throws {
        try install()
        let unit = folder.path("usr/lib/systemd/system/swarm.service")
        let verified = try run(Self.systemdAnalyze, ["verify", "--man=no", unit])
        #expect(verified == (0, ""))
        let user = folder.path("usr/share/systemd/user/swarm.service")
        let userVerified = try run(
            Self.systemdAnalyze, ["verify", "--man=no", "--user", user],
            ["XDG_RUNTIME_DIR": folder.path(""), "HOME": folder.path("")])
        #expect(userVerified == (0, ""))
        let security = try run(
            Self.systemdAnalyze,
            ["security", "--offline=true", "--no-pager", "--threshold=20", unit])
        #expect(security.status == 0, "\(security.output)")
    }

    private static let systemdAnalyze = "/usr/bin/systemd-analyze"
}
