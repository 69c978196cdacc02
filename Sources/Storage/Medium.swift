import Glibc

/// The calls that a failing disk makes fail, so that tests can be that disk. Results and `errno`
/// are those of pread(2), pwrite(2) and fdatasync(2).
struct Medium: Sendable {
    var read: @Sendable (Int32, UnsafeMutableRawBufferPointer, Int64) -> Int = {
        pread($0, $1.baseAddress, $1.count, off_t($2))
    }
    var write: @Sendable (Int32, UnsafeRawBufferPointer, Int64) -> Int = {
        pwrite($0, $1.baseAddress, $1.count, off_t($2))
    }
    var sync: @Sendable (Int32) -> Int32 = { fdatasync($0) }
}
