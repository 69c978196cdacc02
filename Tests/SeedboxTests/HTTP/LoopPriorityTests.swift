import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Seedbox

@Suite(.timeLimit(.minutes(10))) struct LoopPriorityTests {
    /// Whether this machine gives priorities to whoever runs the tests.
    private static let isAllowed: Bool = {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(14), &limit)  // RLIMIT_RTPRIO
        return geteuid() == 0 || limit.rlim_cur > 0
    }()

    @Test(.enabled(if: isAllowed)) func whoIsBusyForLongGoesNoMoreBeforeOthersUntilItIsOver()
        async throws
    {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = loops.next()
        let policy = { @Sendable in
            // Without SCHED_RESET_ON_FORK.
            try await loop.submit { sched_getscheduler(0) & ~0x4000_0000 }.get()
        }
        try await loop.submit { LoopPriority.take(on: loop) }.get()
        #expect(try await policy() == SCHED_RR)
        let isOver = Atomic<Bool>(false)
        // As a flood of requests does: what comes next waits already.
        @Sendable func work() {
            let end = NIODeadline.now() + .milliseconds(20)
            while NIODeadline.now() < end {}
            if !isOver.load(ordering: .relaxed) { loop.execute { work() } }
        }
        loop.execute { work() }
        try await eventually("it waits for its turn") { try await policy() == SCHED_OTHER }
        isOver.store(true, ordering: .relaxed)
        try await eventually("it goes first again") { try await policy() == SCHED_RR }
        try await loops.shutdownGracefully()
    }
}
