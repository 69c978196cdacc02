import Glibc
import Synchronization

/// Says from any thread that the work is not wanted any more.
public final class ChunkCancellation: Sendable {
    private let flag = Atomic<Bool>(false)

    public init() {}

    public func cancel() { flag.store(true, ordering: .relaxed) }

    public var isCancelled: Bool { flag.load(ordering: .relaxed) }
}

/// Threads of our own: the work blocks on storage, for which Swift's shared threads are too few.
enum Threads {
    /// The cores of this machine that are at work.
    static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Starts a thread that ends with `body`, or returns the error's number.
    static func start(_ body: @escaping @Sendable () -> Void) -> Result<pthread_t, ThreadError> {
        var thread = pthread_t()
        let work = Unmanaged.passRetained(Work(body))
        let result = pthread_create(
            &thread, nil,
            { argument in
                if let argument {
                    Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            }, work.toOpaque())
        guard result == 0 else {
            work.release()
            return .failure(ThreadError(errno: result))
        }
        return .success(thread)
    }

    struct ThreadError: Error { let errno: Int32 }

    /// Calls `body` in `count` threads, of which the caller's is one, and returns after the last.
    /// If the system gives fewer, these do the work.
    static func run(_ count: Int, _ body: @escaping @Sendable () -> Void) {
        var threads: [pthread_t] = []
        for _ in 1..<max(1, count) {
            guard case .success(let thread) = start(body) else { break }
            threads.append(thread)
        }
        body()
        for thread in threads { pthread_join(thread, nil) }
    }
}
