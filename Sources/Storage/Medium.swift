import CLinux
import Glibc

/// The calls that a failing disk makes fail, so that tests can be that disk. Results and `errno`
/// are those of pread(2), pwrite(2), fdatasync(2) and sync_file_range(2).
struct Medium: Sendable {
    var read: @Sendable (Int32, UnsafeMutableRawBufferPointer, Int64) -> Int = {
        pread($0, $1.baseAddress, $1.count, off_t($2))
    }
    var write: @Sendable (Int32, UnsafeRawBufferPointer, Int64) -> Int = {
        pwrite($0, $1.baseAddress, $1.count, off_t($2))
    }
    var sync: @Sendable (Int32) -> Int32 = { fdatasync($0) }
    /// Has a range begin its way to the disk, and waits for nothing.
    var writeOut: @Sendable (Int32, _ offset: Int64, _ length: Int64) -> Int32 = {
        begin_to_write_out($0, Int($1), Int($2))
    }
}
