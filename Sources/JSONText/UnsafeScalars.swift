extension Unicode.Scalar {
    /// Whether writing it to a terminal could move the cursor, change colours, reorder the line or
    /// hide text: controls, line separators, and formatting characters such as the bidirectional
    /// overrides. Joiners are allowed: scripts and emoji need them.
    public var isUnsafeInTerminal: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: return true
        case .format: return self != "\u{200C}" && self != "\u{200D}"
        default: return false
        }
    }
}
