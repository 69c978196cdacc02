import Glibc
import Units

/// The time on the system's monotonic clock.
func monotonicNow() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// Waits, on the thread of a command that has nothing else to do.
func wait(until deadline: Instant) {
    while true {
        let left = (deadline - monotonicNow()).nanoseconds
        guard left > 0 else { return }
        var time = timespec(
            tv_sec: Int(left / 1_000_000_000), tv_nsec: Int(left % 1_000_000_000))
        nanosleep(&time, nil)
    }
}
