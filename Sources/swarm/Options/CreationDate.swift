import Units

/// When a torrent says it was made.
enum CreationDate: Equatable, Sendable {
    case now
    case none
    case seconds(Int64)
}

func parseCreationDate(_ text: String) throws(ValueFault) -> CreationDate {
    switch text.lowercased() {
    case "now": return .now
    case "none": return .none
    default:
        guard let seconds = Int64(text), seconds >= 0 else { throw .notADate }
        return .seconds(seconds)
    }
}
