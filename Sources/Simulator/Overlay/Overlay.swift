internal import Units

/// A record that somebody looks for. Every overlay keeps it on the same number of nodes, each where
/// its rules say.
struct OverlayLookup {
    /// Who asks. Holds the record in none of the overlays, and never dies.
    let source: UInt32
    /// What the record is kept under, as a position among the identifiers.
    let key: UInt64
    /// Who holds it where no rule says who should: nodes of chance.
    let holders: [UInt32]
}

/// What became of one lookup.
struct OverlayOutcome: Equatable {
    /// Everything that anybody sent for it: questions, answers, and what went to the dead.
    var messageCount = 0
    /// How many steps of the overlay lie between the asker and the first living holder that it
    /// heard of, that holder's own step counted; `nil` if it found none.
    var hopCount: Int?
}

/// A way to find who holds a record.
protocol Overlay {
    /// Nodes that a node knows, at the mean.
    var contactsPerNode: Double { get }
    /// Bytes that one of those contacts needs.
    var bytesPerContact: Int { get }

    mutating func find(
        _ lookup: OverlayLookup, in population: OverlayPopulation,
        using generator: inout SeededGenerator
    ) -> OverlayOutcome
}
