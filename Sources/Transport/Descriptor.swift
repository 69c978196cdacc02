import Glibc

/// File descriptors, as far as sockets need them.
enum Descriptor {
    /// A copy that is closed when the process starts another program; nil if there is no room.
    static func duplicate(_ descriptor: Int32) -> Int32? {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        return copy >= 0 ? copy : nil
    }

    static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }
}
