import Foundation
import Synchronization
import Testing

/// Runs tests on threads apart from those that asynchronous work shares, of which there are as
/// many as cores: a test that waits for a program on its thread holds up none of that.
struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(Threads.shared) { try await function() }
    }

    private final class Threads: TaskExecutor {
        static let shared = Threads(count: ProcessInfo.processInfo.activeProcessorCount)

        private let jobs = Mutex<[UnownedJob]>([])
        private let waiting = DispatchSemaphore(value: 0)

        init(count: Int) {
            for _ in 0..<count { Thread.detachNewThread { self.work() } }
        }

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            jobs.withLock { $0.append(job) }
            waiting.signal()
        }

        private func work() {
            while true {
                waiting.wait()
                let job = jobs.withLock { $0.removeFirst() }
                job.runSynchronously(on: asUnownedTaskExecutor())
            }
        }
    }
}

extension Trait where Self == OwnThreads {
    /// For suites that start programs and wait for them.
    static var ownThreads: OwnThreads { OwnThreads() }
}
