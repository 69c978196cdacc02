import NIOCore

/// Runs tasks on the thread of an event loop, so that what is asked on a connection is answered
/// where its bytes are read and written: there is no other thread to wait for, however busy those
/// are that all tasks share.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
