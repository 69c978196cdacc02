import Testing

/// As `#expect`, for conditions that change what they ask, which the macro does not take.
func check(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: sourceLocation)
}
