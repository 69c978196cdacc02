import NIOCore
import Units

extension Instant {
    /// Now, on the clock of the event loops.
    static var current: Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}

extension NIODeadline {
    /// The same moment on the event loops' clock.
    init(_ instant: Instant) {
        self = .uptimeNanoseconds(UInt64(clamping: instant.nanoseconds))
    }
}

extension TimeAmount {
    init(_ interval: Interval) { self = .nanoseconds(interval.nanoseconds) }
}
