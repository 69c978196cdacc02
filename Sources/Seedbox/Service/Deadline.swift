/// Waits until the work is done, or until the deadline. What is not done by then goes on by itself.
///
/// - Returns: Whether it is done.
@discardableResult
func finishes(
    by deadline: ContinuousClock.Instant, _ work: @escaping @Sendable () async -> Void
) async -> Bool {
    let (ends, end) = AsyncStream.makeStream(of: Bool.self)
    Task {
        await work()
        end.yield(true)
    }
    let alarm = Task {
        try? await Task.sleep(until: deadline, clock: .continuous)
        end.yield(false)
    }
    defer { alarm.cancel() }
    for await isDone in ends { return isDone }
    return false
}
