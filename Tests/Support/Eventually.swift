import Testing

/// Waits for what others bring about, so long that only what never comes is missed.
func eventually(
    _ what: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation,
    _ isTrue: () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try await !isTrue() {
        guard ContinuousClock.now < deadline else {
            Issue.record(what ?? "it did not come about in time", sourceLocation: sourceLocation)
            return
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}
