public import NIOCore
public import Units

/// The one clock of the process: machines are told what it says.
public enum MonotonicClock {
    public static var now: Instant {
        Instant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}

extension NIODeadline {
    /// The same moment for an event loop's timers.
    public init(_ instant: Instant) {
        self = .uptimeNanoseconds(UInt64(clamping: instant.nanoseconds))
    }
}
