import DequeModule
import PeerWire
import Units

/// The blocks that one peer asked for and has not got.
struct UploadQueue: Sendable {
    /// Waiting, in the order in which they were asked for.
    private(set) var waiting: Deque<BlockRequest> = []
    /// On their way from the disk to the peer.
    private(set) var inFlightBytes = 0

    var isIdle: Bool { waiting.isEmpty && inFlightBytes == 0 }

    /// False if the queue is full.
    mutating func append(_ request: BlockRequest) -> Bool {
        guard waiting.count < Limits.uploadQueueMax else { return false }
        waiting.append(request)
        return true
    }

    /// Takes a request back; false if it is not waiting.
    mutating func cancel(_ request: BlockRequest) -> Bool {
        guard let position = waiting.firstIndex(of: request) else { return false }
        waiting.remove(at: position)
        return true
    }

    /// Takes everything back that waits.
    mutating func removeAll() -> Deque<BlockRequest> {
        defer { waiting.removeAll() }
        return waiting
    }

    /// The next request to serve, while less than `window` bytes are in flight.
    func next(window: Int) -> BlockRequest? {
        inFlightBytes < window ? waiting.first : nil
    }

    mutating func startNext() {
        guard let request = waiting.popFirst() else { return }
        inFlightBytes += Int(request.length)
    }

    /// `bytes` of blocks have left for the peer, or will not.
    mutating func finished(bytes: Int) { inFlightBytes = max(0, inFlightBytes - bytes) }
}
