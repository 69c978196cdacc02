import Glibc

/// What keeps a file from being read.
struct FileFault: Error, CustomStringConvertible {
    /// An `errno`.
    var code: Int32

    var description: String {
        switch code {
        case ENOENT: "there is no such file"
        case EACCES, EPERM: "it may not be read"
        case EISDIR: "it is a folder"
        case EFBIG: "it is too large"
        default: "it cannot be read (\(strerror(code).map { String(cString: $0) } ?? "\(code)"))"
        }
    }
}

/// The bytes of a file that a person wrote. Pipes are taken too: shells hand secrets out so.
func readSmallFile(_ path: String, bytesMax: Int) -> Result<[UInt8], FileFault> {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { return .failure(FileFault(code: errno)) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4_096)
    while true {
        let count = read(file, &chunk, chunk.count)
        if count < 0 {
            if errno == EINTR { continue }
            return .failure(FileFault(code: errno))
        }
        if count == 0 { return .success(bytes) }
        bytes += chunk[..<count]
        if bytes.count > bytesMax { return .failure(FileFault(code: EFBIG)) }
    }
}
