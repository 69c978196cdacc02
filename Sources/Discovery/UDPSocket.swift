public import NIOCore
import Transport
public import Units

/// Takes datagrams from a `UDPSocket`, on the socket's event loop.
public protocol DatagramReceiver: AnyObject, Sendable {
    /// Takes in `datagram`, if it is for this receiver; if not, false, and the next is asked.
    ///
    /// The bytes are gone once this returns. What it writes to the socket is sent when all
    /// datagrams that were read together are taken in; `now` is when they were read.
    func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool

    /// All datagrams that were read together have been taken in.
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
public final class UDPSocket: Sendable {
    public let eventLoop: any EventLoop
    /// Where the socket is bound; its port is the one that the system chose if none was asked for.
    public let localEndpoint: Endpoint
    let core: NIOLoopBound<Core>

    private init(eventLoop: any EventLoop, localEndpoint: Endpoint, core: NIOLoopBound<Core>) {
        self.eventLoop = eventLoop
        self.localEndpoint = localEndpoint
        self.core = core
    }

    /// Binds a socket. An IPv6 socket takes IPv6 only, so that both families can have one port.
    public static func bind(
        to endpoint: Endpoint, on eventLoop: any EventLoop
    ) async throws -> UDPSocket {
        let (core, local) = try await eventLoop.submit {
            let core = Core(eventLoop: eventLoop)
            let local = try core.bind(to: endpoint)
            return (NIOLoopBound(core, eventLoop: eventLoop), local)
        }.get()
        return UDPSocket(eventLoop: eventLoop, localEndpoint: local, core: core)
    }

    /// Binds a socket of each address family to one port: to `address`, or to all addresses of
    /// this machine, which may lack either family.
    ///
    /// - Parameter port: 0 for any that is free.
    public static func bindFamilies(
        address: String?, port: UInt16, on eventLoop: any EventLoop
    ) async throws -> [UDPSocket] {
        if let address {
            guard let endpoint = Endpoint(addressText: address, port: port) else {
                throw SocketAddressError.FailedToParseIPByteBuffer(address: ByteBuffer())
            }
            return [try await bind(to: endpoint, on: eventLoop)]
        }
        let any4 = Endpoint(ipv4: 0, port: port)
        let any6 = Endpoint(ipv6High: 0, low: 0, port: port)
        let first: UDPSocket
        do {
            first = try await bind(to: any4, on: eventLoop)
        } catch {
            return [try await bind(to: any6, on: eventLoop)]
        }
        let chosen = any6.with(port: first.localEndpoint.port)
        let second = try? await bind(to: chosen, on: eventLoop)
        return [first] + (second.map { [$0] } ?? [])
    }

    /// Adds a receiver behind those that are there. It is not kept alive.
    public func add(_ receiver: any DatagramReceiver) async {
        await onLoop { $0.add(receiver) }
    }

    public func remove(_ receiver: any DatagramReceiver) async {
        await onLoop { $0.remove(receiver) }
    }

    /// Sends a datagram at the next `flush`. On the event loop only. What cannot be sent is lost,
    /// as any datagram may be.
    public func write(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) {
        core.value.write(bytes, to: destination)
    }

    public func write(_ bytes: [UInt8], to destination: Endpoint) {
        bytes.withUnsafeBytes { write($0, to: destination) }
    }

    /// Sends what was written. On the event loop only.
    public func flush() { core.value.flush() }

    public func close() async { await onLoop { $0.close() } }

    private func onLoop(_ body: @escaping @Sendable (Core) -> Void) async {
        try? await eventLoop.submit { [core] in body(core.value) }.get()
    }
}

extension UDPSocket {
    /// The socket's state, which lives on its event loop.
    final class Core {
        private struct Slot {
            weak var receiver: (any DatagramReceiver)?
        }

        let eventLoop: any EventLoop
        private let batch = DatagramBatch()
        private var queue = DatagramQueue()
        private var open: DatagramDescriptor?
        private var isIPv4 = true
        private var slots: [Slot] = []
        private var isReading = false
        private var isClosed = false

        init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        deinit { open?.close() }

        func bind(to endpoint: Endpoint) throws -> Endpoint {
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            let (opened, local) = try DatagramDescriptor.bind(to: endpoint) { [eventLoop] in
                eventLoop.execute { bound.value.wake() }
            }
            open = opened
            isIPv4 = endpoint.isIPv4
            opened.arm(forWriting: false)
            return local
        }

        /// Gives the socket up, and opens it again after a while.
        func broke() {
            guard let local = open?.localEndpoint else { return }
            open?.close()
            open = nil
            queue.removeAll()
            reopen(at: local)
        }

        private func reopen(at local: Endpoint) {
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.scheduleTask(in: .nanoseconds(Limits.rebindWait.nanoseconds)) {
                let core = bound.value
                guard !core.isClosed, core.open == nil else { return }
                if (try? core.bind(to: local)) == nil { core.reopen(at: local) }
            }
        }

        func add(_ receiver: any DatagramReceiver) {
            slots.removeAll { $0.receiver == nil }
            guard slots.count < Limits.datagramReceiversMax else { return }
            slots.append(Slot(receiver: receiver))
        }

        func remove(_ receiver: any DatagramReceiver) {
            slots.removeAll { $0.receiver == nil || $0.receiver === receiver }
        }

        /// The descriptor can be read or written, and is not watched until it is armed again.
        private func wake() {
            guard open != nil else { return }
            read(turns: Limits.datagramReadsPerTurn)
        }

        private func read(turns: Int) {
            var turns = turns
            while let open, turns > 0 {
                turns -= 1
                switch batch.read(from: open.number) {
                // Who waited for these answers may have asked again already, and a look costs far
                // less than to be woken.
                case .datagrams(let count): deliver(count)
                case .nothing:
                    queue.send(to: open.number, by: batch)
                    return rearm()
                case .passing: continue
                case .broken: return broke()
                }
            }
            guard open != nil else { return }
            // There may be more: others on the loop first.
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.execute { bound.value.wake() }
        }

        private func rearm() { open?.arm(forWriting: !queue.isEmpty) }

        private func deliver(_ count: Int) {
            let now = MonotonicClock.now
            isReading = true
            for index in 0..<count {
                guard let (datagram, sender) = batch.datagram(index) else { continue }
                for slot in slots
                where slot.receiver?.receive(datagram, from: sender, now: now) == true { break }
            }
            for slot in slots { slot.receiver?.receivedAll() }
            isReading = false
            flush()
        }

        func write(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) {
            guard open != nil, destination.isIPv4 == isIPv4 else { return }
            queue.append(bytes, to: destination)
        }

        /// While datagrams are taken in, what answers them is gathered.
        func flush() {
            guard !isReading, let open, !queue.isEmpty else { return }
            queue.send(to: open.number, by: batch)
            if !queue.isEmpty { open.arm(forWriting: true) }
        }

        func close() {
            isClosed = true
            slots = []
            open?.close()
            open = nil
        }
    }
}
