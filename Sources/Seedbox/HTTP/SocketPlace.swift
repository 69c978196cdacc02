import Glibc
import Synchronization

/// Where a Unix socket is. It is made in a folder that nobody else can enter, given its mode, and
/// only then put in its place: there is no moment in which others could connect.
final class SocketPlace: Sendable {
    let path: String
    let bindPath: String
    private let folder: String
    private let mode: UInt32
    /// Which file of the disk it is, once it is in its place.
    private let published = Mutex<FileIdentity?>(nil)

    init(_ path: String, mode: UInt32) throws(SeedboxError) {
        self.path = path
        self.mode = mode
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK {
            throw .badValue(field: "api.socket", reason: "\(path): is there, and no socket")
        }
        // Who was killed does not answer, and what is left of it is replaced.
        switch SocketOwner(at: path) {
        case .nobody: break
        case .listener:
            throw .storage(
                "\(path): another daemon listens there; end it, or name another place with "
                    + "api.socket")
        case .unknown(let reason):
            throw .badValue(
                field: "api.socket",
                reason: "\(path): whether a daemon listens there cannot be found out: \(reason)")
        }
        let parent = path.split(separator: "/").dropLast().joined(separator: "/")
        var template = Array("/\(parent)/.swarmXXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            let reason = String(cString: strerror(errno))
            throw .badValue(field: "api.socket", reason: "\(path): \(reason)")
        }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        bindPath = folder + "/s"
        guard bindPath.utf8.count <= Limits.socketPathBytesMax else {
            rmdir(folder)
            throw .badValue(field: "api.socket", reason: "\(path): too long")
        }
    }

    func publish() throws(SeedboxError) {
        published.withLock { $0 = FileIdentity(bindPath) }
        guard chmod(bindPath, mode) == 0, rename(bindPath, path) == 0 else {
            throw .storage("\(path): \(String(cString: strerror(errno)))")
        }
        rmdir(folder)
    }

    func remove() {
        unlink(bindPath)
        // What somebody else has put there since is not ours to remove.
        if let own = published.withLock(\.self), FileIdentity(path) == own { unlink(path) }
        rmdir(folder)
    }
}

private struct FileIdentity: Equatable {
    let device: dev_t
    let number: ino_t

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        (device, number) = (status.st_dev, status.st_ino)
    }
}

/// Who has a Unix socket that is there.
enum SocketOwner: Equatable {
    case nobody
    case listener
    /// It cannot be asked; with what the system says.
    case unknown(String)

    init(at path: String) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let caller = socket(AF_UNIX, kind, 0)
        guard caller >= 0 else {
            self = .unknown(String(cString: strerror(errno)))
            return
        }
        defer { close(caller) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // Nobody listens where no address leads.
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            self = .nobody
            return
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(caller, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        switch code == 0 ? 0 : errno {
        // Of one that is busy, the queue of callers is full.
        case 0, EAGAIN, EINPROGRESS: self = .listener
        case ECONNREFUSED, ENOENT: self = .nobody
        case let reason: self = .unknown(String(cString: strerror(reason)))
        }
    }
}
