import Glibc
import Testing

@testable import Seedbox

@Suite struct UsualSocketTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private var path: String { scratch.path + "/swarm/api.sock" }

    @Test func isInTheUsersOwnFolder() {
        #expect(UsualSocket.path(["XDG_RUNTIME_DIR": scratch.path]) == path)
        #expect(UsualSocket.path([:]) == nil)
        for folder in ["", "run", scratch.path + "/none", "/dev/null"] {
            #expect(UsualSocket.path(["XDG_RUNTIME_DIR": folder]) == nil, "\(folder)")
        }
        let long = scratch.path + String(repeating: "/.", count: 50)
        #expect(UsualSocket.path(["XDG_RUNTIME_DIR": long]) == nil)
    }

    @Test func isGivenToOneAtATime() throws {
        var first: UsualSocket? = try UsualSocket(taking: path)
        var status = stat()
        #expect(stat(scratch.path + "/swarm", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
        #expect(throws: SeedboxError.self) { try UsualSocket(taking: path) }
        withExtendedLifetime(first) {}
        first = nil
        #expect(throws: Never.self) { try UsualSocket(taking: path) }
    }

    @Test func whoListensThereIsLeftAloneAndWhatIsLeftOverIsNot() throws {
        mkdir(scratch.path + "/swarm", 0o700)
        let listener = try Listener(path)
        #expect(throws: SeedboxError.self) { try UsualSocket(taking: path) }
        listener.end()
        #expect(access(path, F_OK) == 0)
        #expect(throws: Never.self) { try UsualSocket(taking: path) }
    }

    @Test func whereNobodyCanBeAskedThatIsWhatIsSaid() throws {
        mkdir(scratch.path + "/swarm", 0o700)
        let other = try Listener(path, kind: SOCK_DGRAM)
        let reason = String(cString: strerror(EPROTOTYPE))
        #expect(SocketOwner(at: path) == .unknown(reason))
        #expect(throws: SeedboxError.storage("\(path): cannot be asked: \(reason)")) {
            try UsualSocket(taking: path)
        }
        let error = #expect(throws: SeedboxError.self) { try SocketPlace(path, mode: 0o600) }
        #expect(error.map { "\($0)" }?.contains(reason) == true)
        #expect(access(path, F_OK) == 0)
        other.end()
    }

    @Test func aFolderThatOthersWriteToIsNotUsed() {
        mkdir(scratch.path + "/swarm", 0o700)
        chmod(scratch.path + "/swarm", 0o777)
        #expect(throws: SeedboxError.self) { try UsualSocket(taking: path) }
    }

    @Test func whatIsNoSocketStays() throws {
        mkdir(scratch.path + "/swarm", 0o700)
        close(open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: SeedboxError.self) { try UsualSocket(taking: path) }
        #expect(access(path, F_OK) == 0)
    }
}

/// Listens at a Unix socket, and leaves it there as who was killed does.
private final class Listener {
    private let descriptor: Int32

    init(_ path: String, kind: __socket_type = SOCK_STREAM) throws {
        descriptor = socket(AF_UNIX, Int32(kind.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let listener = descriptor
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0, kind != SOCK_STREAM || listen(listener, 1) == 0 else {
            throw FileFault(code: errno)
        }
    }

    func end() { close(descriptor) }
}
