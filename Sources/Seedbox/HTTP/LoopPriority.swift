import CLinux
import Glibc
import NIOCore

/// The place of an answering thread among all threads of the machine: before the others, as long as
/// it has little to do. One that has been busy for most of a second, be it with details of
/// thousands of torrents or with a flood of requests, waits for its turn until that is over, so
/// that the rest of the machine gets on.
final class LoopPriority {
    private var goesFirst = true
    private var used = LoopPriority.time(CLOCK_THREAD_CPUTIME_ID)
    private var passed = LoopPriority.time(CLOCK_MONOTONIC)

    private init() {}

    /// For the loop's own thread.
    static func take(on loop: any EventLoop) {
        guard go_before_others(Limits.httpPriority) == 0 else {
            _ = take_turns(Limits.httpTurnNanoseconds, Limits.httpNiceness)
            return
        }
        let priority = NIOLoopBound(LoopPriority(), eventLoop: loop)
        let pause = TimeAmount.seconds(Limits.httpPriorityLookSeconds)
        loop.scheduleRepeatedTask(initialDelay: pause, delay: pause) { _ in priority.value.look() }
    }

    private func look() {
        let (used, passed) = (Self.time(CLOCK_THREAD_CPUTIME_ID), Self.time(CLOCK_MONOTONIC))
        defer { (self.used, self.passed) = (used, passed) }
        let share = (used - self.used) * 100 / max(1, passed - self.passed)
        let isBusy = share > Limits.httpPriorityShareMax
        guard isBusy == goesFirst else { return }
        if isBusy {
            if go_with_others() == 0 { goesFirst = false }
        } else if go_before_others(Limits.httpPriority) == 0 {
            goesFirst = true
        }
    }

    /// Nanoseconds.
    private static func time(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
