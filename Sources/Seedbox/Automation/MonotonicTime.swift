import Glibc
import Units

extension Instant {
    /// The moment on the kernel's monotonic clock.
    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let seconds = Int64(time.tv_sec).multipliedSaturating(by: 1_000_000_000)
        return Instant(nanoseconds: seconds.addingSaturating(Int64(time.tv_nsec)))
    }
}
