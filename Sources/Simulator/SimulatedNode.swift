public import Units

/// The number of a host in its simulation, from 0.
public struct HostIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// For positions that this program computed itself; the value must fit 32 bits.
    public init(_ position: Int) { self.rawValue = UInt32(position) }

    public var position: Int { Int(rawValue) }

    public static func < (a: HostIndex, b: HostIndex) -> Bool { a.rawValue < b.rawValue }

    public var description: String { "host \(rawValue)" }
}

/// One stream of bytes between two hosts; both ends know it by the same number.
public struct StreamID: Hashable, Sendable {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// What happens on a stream.
public enum StreamEvent: Hashable, Sendable {
    /// Somebody else's `connect` arrived; at `from` it can be told apart, not be dialled.
    case accepted(from: Endpoint)
    /// Our own `connect` has been answered.
    case opened
    /// Nobody answered our `connect`.
    case failed
    /// Bytes arrived, in order and whole.
    case received([UInt8])
    /// So many bytes of ours have left for the other end.
    case sent(Int)
    /// The other end closed, or its program ended. Nothing comes any more.
    case closed
}

/// A machine that lives at a host: everything that happens to it is a call, and what it wants done
/// is put into the outbox. It asks nobody for the time or for chance.
public protocol SimulatedNode {
    /// The host is up; also after each restart.
    mutating func start(at endpoint: Endpoint, now: Instant, into outbox: inout Outbox)
    mutating func receive(
        _ datagram: UnsafeRawBufferPointer, from: Endpoint, now: Instant, into outbox: inout Outbox)
    mutating func handle(
        _ event: StreamEvent, on stream: StreamID, now: Instant, into outbox: inout Outbox)
    mutating func tick(now: Instant, into outbox: inout Outbox)
    /// When it wants to be called next, if nothing else happens.
    func nextDeadline() -> Instant?
}

extension SimulatedNode {
    public mutating func start(at endpoint: Endpoint, now: Instant, into outbox: inout Outbox) {}

    public mutating func receive(
        _ datagram: UnsafeRawBufferPointer, from: Endpoint, now: Instant, into outbox: inout Outbox
    ) {}

    /// Who speaks no streams accepts none.
    public mutating func handle(
        _ event: StreamEvent, on stream: StreamID, now: Instant, into outbox: inout Outbox
    ) {
        if case .accepted = event { outbox.close(stream) }
    }

    public mutating func tick(now: Instant, into outbox: inout Outbox) {}

    public func nextDeadline() -> Instant? { nil }
}

/// What a machine wants sent. The simulation owns it, and uses its storage again.
public struct Outbox: Sendable {
    enum StreamAction: Sendable {
        case connect(StreamID, Endpoint)
        case send(StreamID, [UInt8])
        case close(StreamID)
    }

    private(set) var bytes: [UInt8] = []
    private(set) var datagrams: ContiguousArray<(to: Endpoint, end: Int)> = []
    private(set) var streamActions: [StreamAction] = []
    private var nextStream: UInt64 = 1

    init() {}

    var isEmpty: Bool { datagrams.isEmpty && streamActions.isEmpty }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        datagrams.removeAll(keepingCapacity: true)
        streamActions.removeAll(keepingCapacity: true)
    }

    /// One datagram; longer ones than `Limits.datagramByteCountMax` are lost on the way.
    public mutating func send(_ datagram: UnsafeRawBufferPointer, to: Endpoint) {
        bytes.append(contentsOf: datagram)
        datagrams.append((to, bytes.count))
    }

    public mutating func send(_ datagram: [UInt8], to: Endpoint) {
        bytes.append(contentsOf: datagram)
        datagrams.append((to, bytes.count))
    }

    /// Dials; `opened` or `failed` follows.
    public mutating func connect(to endpoint: Endpoint) -> StreamID {
        defer { nextStream += 1 }
        let stream = StreamID(nextStream)
        streamActions.append(.connect(stream, endpoint))
        return stream
    }

    public mutating func send(_ bytes: [UInt8], on stream: StreamID) {
        guard !bytes.isEmpty else { return }
        streamActions.append(.send(stream, bytes))
    }

    /// Bytes sent before still arrive. Nothing more is told about the stream.
    public mutating func close(_ stream: StreamID) { streamActions.append(.close(stream)) }
}
