import Dispatch
import Glibc
import NIOPosix
import Tracker
import Transport
import Units

/// Finds the addresses of names, off the event loops.
///
/// The system's resolver blocks its thread for as long as a name server is silent. So it runs on
/// threads of its own, nobody waits for it longer than a limit, and one look-up serves all who
/// ask for the same name meanwhile.
actor NameResolver {
    /// Finds a name's addresses, blocking; `nil` if it has none. Their port is 0.
    typealias LookUp = @Sendable (String) -> [Endpoint]?

    private struct Answer {
        let addresses: [Endpoint]
        let until: Instant
    }

    private typealias Waiter = CheckedContinuation<[Endpoint], any Error>

    private let threads = NIOThreadPool(numberOfThreads: Limits.resolverThreadCount)
    private let lookUp: LookUp
    private let timeMax: Interval
    private var answers: [String: Answer] = [:]
    private var waiters: [String: [UInt64: Waiter]] = [:]
    private var lastWaiter: UInt64 = 0

    init(timeMax: Interval = Limits.resolveTimeMax, lookUp: @escaping LookUp = systemLookUp) {
        self.timeMax = timeMax
        self.lookUp = lookUp
        threads.start()
    }

    /// The addresses of `host`, which may be one itself, with port 0.
    func addresses(of host: String) async throws(TrackerError) -> [Endpoint] {
        if let address = Endpoint(addressText: host, port: 0) { return [address] }
        if let answer = answers[host], answer.until > MonotonicClock.now {
            guard !answer.addresses.isEmpty else { throw .nameNotFound(host) }
            return answer.addresses
        }
        guard waiters[host] != nil || waiters.count < Limits.resolvingNamesMax else {
            throw .tooManyRequests(limit: Limits.resolvingNamesMax)
        }
        let addresses: [Endpoint]
        do {
            addresses = try await wait(for: host)
        } catch let error as TrackerError {
            throw error
        } catch {
            throw .cancelled
        }
        guard !addresses.isEmpty else { throw .nameNotFound(host) }
        return addresses
    }

    /// Takes no more names. A thread that the system holds up ends by itself: nobody waits for it,
    /// as that can take as long as all name servers together are silent.
    func shutdown() { threads.shutdownGracefully(queue: .global()) { _ in } }

    private func wait(for host: String) async throws -> [Endpoint] {
        lastWaiter += 1
        let id = lastWaiter
        let timer = Task {
            try? await Task.sleep(for: .nanoseconds(timeMax.nanoseconds))
            if !Task.isCancelled { end(id, of: host, with: .timedOut) }
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                guard !Task.isCancelled else {
                    return waiter.resume(throwing: TrackerError.cancelled)
                }
                let isFirst = waiters[host] == nil
                waiters[host, default: [:]][id] = waiter
                if isFirst { begin(host) }
            }
        } onCancel: {
            Task { await self.end(id, of: host, with: .cancelled) }
        }
    }

    private func begin(_ host: String) {
        threads.submit { [lookUp] state in
            let addresses = state == .active ? lookUp(host) : nil
            Task { await self.found(addresses ?? [], of: host) }
        }
    }

    private func found(_ addresses: [Endpoint], of host: String) {
        makeRoom()
        let life = addresses.isEmpty ? Limits.noAddressLife : Limits.addressLife
        answers[host] = Answer(addresses: addresses, until: MonotonicClock.now + life)
        for waiter in (waiters.removeValue(forKey: host) ?? [:]).values {
            waiter.resume(returning: addresses)
        }
    }

    /// A waiter that goes leaves the look-up running, for the others and for the cache.
    private func end(_ id: UInt64, of host: String, with error: TrackerError) {
        waiters[host]?.removeValue(forKey: id)?.resume(throwing: error)
    }

    private func makeRoom() {
        guard answers.count >= Limits.resolvedNamesMax else { return }
        let now = MonotonicClock.now
        answers = answers.filter { $0.value.until > now }
        if answers.count >= Limits.resolvedNamesMax { answers.removeAll() }
    }
}

/// The system's resolver.
@Sendable
func systemLookUp(_ host: String) -> [Endpoint]? {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return nil }
    defer { freeaddrinfo(list) }
    var addresses: [Endpoint] = []
    var next = list
    while let entry = next, addresses.count < Limits.addressesPerNameMax {
        if let address = endpoint(of: entry.pointee), !addresses.contains(address) {
            addresses.append(address)
        }
        next = entry.pointee.ai_next
    }
    return addresses
}

private func endpoint(of entry: addrinfo) -> Endpoint? {
    guard let address = entry.ai_addr else { return nil }
    let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
    switch entry.ai_family {
    case AF_INET: return Endpoint(socketAddress: bytes, isIPv4: true)?.address
    case AF_INET6: return Endpoint(socketAddress: bytes, isIPv4: false)?.address
    default: return nil
    }
}
