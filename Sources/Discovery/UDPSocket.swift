import NIOCore
import Transport
public import Units

/// Takes datagrams from a `UDPSocket`, on its loop.
public protocol DatagramReceiver: AnyObject, Sendable {
    /// Takes in `datagram`, if it is for this receiver; if not, false, and the next is asked.
    ///
    /// The bytes are gone once this returns. What it writes to the socket is sent when all
    /// datagrams that were read together are taken in; `now` is when they were read.
    func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool

    /// Datagrams that were read together have been taken in, all or some of them.
    func receivedAll()
}

extension DatagramReceiver {
    public func receivedAll() {}
}

/// One bound UDP socket of one address family, for all that speak over UDP from our port:
/// trackers, the DHT, and uTP beside them. It does not know their protocols; each datagram is
/// offered to the receivers in their order until one takes it.
///
/// Datagrams are read and sent many at a time by `recvmmsg` and `sendmmsg`, without an object for
/// each. The socket is not connected, so that it outlives the errors of single destinations, and
/// it opens itself again if it breaks.
public actor UDPSocket {
    private struct Slot {
        weak var receiver: (any DatagramReceiver)?
    }

    /// Where the socket is bound; its port is the one that the system chose if none was asked for.
    public nonisolated let localEndpoint: Endpoint
    public nonisolated var loop: DatagramLoop { .shared }
    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        loop.asUnownedSerialExecutor()
    }

    private let batch = DatagramBatch()
    private var queue = DatagramQueue()
    private var open: DatagramDescriptor?
    private var slots: [Slot] = []
    private var isReading = false
    private var isClosed = false

    private init(_ descriptor: DatagramDescriptor) {
        localEndpoint = descriptor.localEndpoint
        open = descriptor
    }

    deinit { open?.close() }

    /// Binds a socket. An IPv6 socket takes IPv6 only, so that both families can have one port.
    public static func bind(to endpoint: Endpoint) async throws -> UDPSocket {
        let socket = UDPSocket(try DatagramDescriptor.bind(to: endpoint))
        try await socket.beginReading()
        return socket
    }

    /// Binds a socket of each address family to one port: to `address`, or to all addresses of
    /// this machine, which may lack either family.
    ///
    /// - Parameter port: 0 for any that is free.
    public static func bindFamilies(address: String?, port: UInt16) async throws -> [UDPSocket] {
        if let address {
            guard let endpoint = Endpoint(addressText: address, port: port) else {
                throw SocketAddressError.FailedToParseIPByteBuffer(address: ByteBuffer())
            }
            return [try await bind(to: endpoint)]
        }
        let any4 = Endpoint(ipv4: 0, port: port)
        let any6 = Endpoint(ipv6High: 0, low: 0, port: port)
        let first: UDPSocket
        do {
            first = try await bind(to: any4)
        } catch {
            return [try await bind(to: any6)]
        }
        let second = try? await bind(to: any6.with(port: first.localEndpoint.port))
        return [first] + (second.map { [$0] } ?? [])
    }

    /// Adds a receiver behind those that are there. It is not kept alive.
    public func add(_ receiver: any DatagramReceiver) {
        slots.removeAll { $0.receiver == nil }
        guard slots.count < Limits.datagramReceiversMax else { return }
        slots.append(Slot(receiver: receiver))
    }

    public func remove(_ receiver: any DatagramReceiver) {
        slots.removeAll { $0.receiver == nil || $0.receiver === receiver }
    }

    public func close() {
        isClosed = true
        slots = []
        open?.close()
        open = nil
    }

    // MARK: Sending

    /// Sends a datagram at the next `flush`. On the loop only. What cannot be sent is lost, as any
    /// datagram may be.
    public nonisolated func write(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) {
        // SAFETY: the bytes are copied before this returns, on the thread of the caller.
        nonisolated(unsafe) let bytes = bytes
        assumeIsolated { $0.append(bytes, to: destination) }
    }

    public nonisolated func write(_ bytes: [UInt8], to destination: Endpoint) {
        bytes.withUnsafeBytes { write($0, to: destination) }
    }

    /// Sends what was written. On the loop only.
    public nonisolated func flush() { assumeIsolated { $0.sendQueue() } }

    private func append(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) {
        guard open != nil, destination.isIPv4 == localEndpoint.isIPv4 else { return }
        queue.append(bytes, to: destination)
    }

    private func sendQueue() {
        // While datagrams are taken in, what answers them is gathered.
        guard !isReading, let number = open?.number else { return }
        if !queue.isEmpty { queue.send(to: number, by: batch) }
        open?.watch(forWriting: !queue.isEmpty)
    }

    // MARK: Reading

    private func beginReading() throws {
        try open?.beginWatching { [weak self] in self?.assumeIsolated { $0.read() } }
    }

    /// Takes in what has come. If it is very much, others on the loop have their turn, and the
    /// loop calls again.
    private func read() {
        for _ in 0..<Limits.datagramReadsPerTurn {
            guard let number = open?.number else { return }
            switch batch.read(from: number) {
            // Who waited for these answers may have asked again already, and a look costs far
            // less than to be woken.
            case .datagrams(let count): deliver(count)
            case .nothing: return sendQueue()
            case .passing: continue
            case .broken: return broke()
            }
        }
    }

    /// Takes in what one look has brought. If it is little, the answers go out a few at a time, so
    /// that who asked works on the first while we work on the rest: otherwise one of us sleeps
    /// until the other is done. If it is much, only fewer calls of the system make it faster.
    private func deliver(_ count: Int) {
        let now = MonotonicClock.now
        let isLittle = count <= Limits.datagramsPerCall / 2
        var place = 0
        while place < count {
            let end = isLittle ? min(place + Limits.answersAtOnce, count) : count
            deliver(place..<end, now: now)
            place = end
        }
    }

    private func deliver(_ places: Range<Int>, now: Instant) {
        isReading = true
        for index in places {
            guard let (datagram, sender) = batch.datagram(index) else { continue }
            for slot in slots
            where slot.receiver?.receive(datagram, from: sender, now: now) == true { break }
        }
        for slot in slots { slot.receiver?.receivedAll() }
        isReading = false
        sendQueue()
    }

    // MARK: Mending

    /// Gives the socket up, and opens it again after a while.
    func broke() {
        open?.close()
        open = nil
        queue.removeAll()
        reopen()
    }

    private func reopen() {
        _ = loop.schedule(at: MonotonicClock.now + Limits.rebindWait) { [weak self] in
            self?.assumeIsolated { $0.tryToReopen() }
        }
    }

    private func tryToReopen() {
        guard !isClosed, open == nil else { return }
        do {
            open = try DatagramDescriptor.bind(to: localEndpoint)
            try beginReading()
        } catch {
            open?.close()
            open = nil
            reopen()
        }
    }
}
