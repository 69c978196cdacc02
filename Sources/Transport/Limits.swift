import NIOCore

/// The bounds of what a connection may hold.
enum Limits {
    /// Bytes that one read takes at most: fast peers fill it, which makes 16 blocks a system call.
    static let receiveBufferMax = 256 * 1024
    /// Bytes that a read begins with; it grows while reads fill it.
    static let receiveBufferStart = 16 * 1024
    static let receiveBufferMin = 2 * 1024
    /// Reads of one connection before others get their turn.
    static let readsPerTurn = 2
    /// Bytes of control messages to a peer that does not read, before it is cut off.
    static let controlBacklogMax = 4 * 1024 * 1024
    /// Connections that wait to be accepted.
    static let listenBacklog = 512
    /// A dial that takes longer has failed.
    static let dialTime = TimeAmount.seconds(10)
}
