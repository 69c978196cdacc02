import Foundation

/// A small disk that can be filled and taken away: a tmpfs. It is always there at `inside`, for the
/// test to look at; a program sees it at `place` only while it is attached, and an empty folder
/// otherwise.
struct Disk: Sendable {
    let inside: URL
    let place: URL

    /// Why there can be none; nil if there can.
    static let obstacle: String? = {
        if let obstacle = Network.obstacle { return obstacle }
        let probe = Process()
        probe.executableURL = URL(filePath: "/bin/sh")
        probe.arguments = ["-c", "unshare --mount mount -t tmpfs none /mnt"]
        probe.standardError = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return "no shell" }
        probe.waitUntilExit()
        return probe.terminationStatus == 0 ? nil : "file systems may not be mounted here"
    }()

    /// Makes one for as long as `body` runs.
    static func with(
        mebibytes: Int, in arena: Arena, _ body: (Disk) async throws -> Void
    ) async throws {
        let disk = Disk(inside: try arena.makeFolder("disk"), place: try arena.makeFolder("place"))
        try await run([
            "mount", "-t", "tmpfs", "-o", "size=\(mebibytes)m,mode=777", "none", disk.inside.path,
        ])
        do {
            try await body(disk)
        } catch {
            try? await disk.remove()
            throw error
        }
        try await disk.remove()
    }

    func resize(mebibytes: Int) async throws {
        try await run(["mount", "-o", "remount,size=\(mebibytes)m", inside.path])
    }

    /// A command that starts a program with the disk attached.
    var attached: [String] {
        [
            "sh", "-c", "mount --bind \"$0\" \"$1\" && shift && exec \"$@\"", inside.path,
            place.path,
        ]
    }

    /// Shows it to a program that runs.
    func attach(to child: Child) async throws {
        try await run(
            ["nsenter", "-t", "\(child.pid)", "-m", "mount", "--bind", inside.path, place.path])
    }

    /// Takes it away from a program that has files of it open.
    func detach(from child: Child) async throws {
        try await run(["nsenter", "-t", "\(child.pid)", "-m", "umount", "-l", place.path])
    }

    /// What there is in the folder that the program sees while the disk is away.
    var litter: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: place.path) }
    }

    private func remove() async throws { try await run(["umount", "-l", inside.path]) }
}
