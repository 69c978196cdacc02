import Hashing
import NIOCore
import Tracker
import Transport
import Units

/// Carries out what a `UDPTrackerMachine` decides, over one UDP socket and on its loop.
actor UDPTrackerClient {
    private typealias RequestID = UDPTrackerMachine.RequestID

    private enum Answer: Sendable {
        case announce(AnnounceResponse)
        case scrape(ScrapeResponse)
    }

    nonisolated let socket: UDPSocket
    private var machine = UDPTrackerMachine()
    private var generator = SystemRandomNumberGenerator()
    private var actions = ActionBuffer<UDPTrackerMachine.Action>()
    private var waiting: [RequestID: CheckedContinuation<Answer, any Error>] = [:]
    private var lastRequest: UInt64 = 0
    private var timer: DatagramLoop.Alarm?
    private var timerAt = Instant.distantFuture

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        socket.loop.asUnownedSerialExecutor()
    }

    init(socket: UDPSocket) { self.socket = socket }

    /// Begins to take in datagrams.
    func open() async { await socket.add(self) }

    /// Stops taking in datagrams. Requests that are under way end as cancelled.
    func close() async {
        await socket.remove(self)
        timer?.cancel()
        for (id, continuation) in waiting {
            machine.cancel(id)
            continuation.resume(throwing: TrackerError.cancelled)
        }
        waiting = [:]
    }

    func announce(
        _ request: AnnounceRequest, urlData: String, to tracker: Endpoint, timeMax: Interval
    ) async throws(TrackerError) -> AnnounceResponse {
        let query = UDPTrackerMachine.Query.announce(request, urlData: urlData)
        guard case .announce(let response) = try await ask(query, of: tracker, timeMax: timeMax)
        else { throw .malformedReply(key: "action") }
        return response
    }

    func scrape(
        _ infoHashes: [SHA1Digest], of tracker: Endpoint, timeMax: Interval
    ) async throws(TrackerError) -> ScrapeResponse {
        let query = UDPTrackerMachine.Query.scrape(infoHashes)
        guard case .scrape(let response) = try await ask(query, of: tracker, timeMax: timeMax)
        else { throw .malformedReply(key: "action") }
        return response
    }

    private func ask(
        _ query: UDPTrackerMachine.Query, of tracker: Endpoint, timeMax: Interval
    ) async throws(TrackerError) -> Answer {
        lastRequest += 1
        let id = RequestID(lastRequest)
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { continuation in
                    guard !Task.isCancelled else {
                        return continuation.resume(throwing: TrackerError.cancelled)
                    }
                    waiting[id] = continuation
                    let now = MonotonicClock.now
                    machine.request(
                        id, query, to: tracker, giveUpAt: now + timeMax, now: now,
                        using: &generator, into: &actions)
                    run()
                }
            } onCancel: {
                Task { await self.cancel(id) }
            }
        } catch let error as TrackerError {
            throw error
        } catch {
            throw .cancelled
        }
    }

    private func cancel(_ id: RequestID) {
        machine.cancel(id)
        waiting.removeValue(forKey: id)?.resume(throwing: TrackerError.cancelled)
        run()
    }

    fileprivate func take(_ datagram: [UInt8], from sender: Endpoint, now: Instant) -> Bool {
        let isOurs = machine.receive(
            datagram[...], from: sender, now: now, using: &generator, into: &actions)
        run()
        return isOurs
    }

    private func tick() {
        timer = nil
        timerAt = .distantFuture
        machine.tick(now: MonotonicClock.now, using: &generator, into: &actions)
        run()
    }

    /// Carries out what the machine wants, and sets the timer to its next deadline.
    private func run() {
        for index in 0..<actions.count {
            switch actions[index] {
            case .send(let bytes, let destination):
                socket.write(bytes, to: destination)
            case .announced(let id, let response):
                waiting.removeValue(forKey: id)?.resume(returning: .announce(response))
            case .scraped(let id, let response):
                waiting.removeValue(forKey: id)?.resume(returning: .scrape(response))
            case .failed(let id, let error):
                waiting.removeValue(forKey: id)?.resume(throwing: error)
            }
        }
        actions.removeAll()
        socket.flush()
        setTimer()
    }

    private func setTimer() {
        let next = machine.nextDeadline()?.0 ?? .distantFuture
        guard next != timerAt else { return }
        timer?.cancel()
        timer = nil
        timerAt = next
        guard next != .distantFuture else { return }
        timer = socket.loop.schedule(at: next) { [weak self] in
            self?.assumeIsolated { $0.tick() }
        }
    }
}

extension UDPTrackerClient: DatagramReceiver {
    nonisolated func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool {
        // An action is a number under 256 in 32 bits: what begins otherwise need not be copied.
        guard datagram.first == 0 else { return false }
        let bytes = Array(datagram)
        // The socket calls on its loop, which is this actor's executor.
        return assumeIsolated { $0.take(bytes, from: sender, now: now) }
    }
}
