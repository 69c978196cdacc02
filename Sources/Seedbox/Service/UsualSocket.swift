import Glibc

/// Where a daemon can be spoken to at a socket when nothing is said of one, and the right to that
/// place. Daemons of one user share it: the first has it, and those that come later go without.
final class UsualSocket: Sendable {
    private let descriptor: Int32

    /// `$XDG_RUNTIME_DIR/swarm/api.sock`, where `swarm list` and its like look first; nil if that
    /// folder is not this user's own.
    static func path(_ environment: [String: String]) -> String? {
        guard let folder = environment["XDG_RUNTIME_DIR"], folder.hasPrefix("/") else { return nil }
        var status = stat()
        guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
            status.st_uid == geteuid()
        else { return nil }
        let path = folder + "/swarm/api.sock"
        return path.utf8.count <= Limits.usualSocketBytesMax ? path : nil
    }

    /// Makes the folder, and takes the place in it unless somebody has it.
    init(taking path: String) throws(SeedboxError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw Self.fault(folder) }
        descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.fault(folder) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(),
            status.st_mode & 0o022 == 0, access(folder, R_OK | W_OK | X_OK) == 0
        else { throw .storage("\(folder): others can write to it, or this user cannot") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw Self.taken }
        var there = stat()
        guard lstat(path, &there) == 0 else { return }
        guard there.st_mode & S_IFMT == S_IFSOCK else {
            throw .storage("\(path): is there, and no socket")
        }
        // Who was told to listen here has not locked it. Who was killed does not answer.
        switch SocketOwner(at: path) {
        case .nobody: break
        case .listener: throw Self.taken
        case .unknown(let reason): throw .storage("\(path): cannot be asked: \(reason)")
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private static let taken = SeedboxError.storage("another daemon of this user listens there")

    private static func fault(_ place: String) -> SeedboxError {
        .storage("\(place): \(String(cString: strerror(errno)))")
    }
}
