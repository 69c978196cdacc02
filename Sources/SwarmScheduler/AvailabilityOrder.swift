import Units

/// The pieces that may be begun, ordered from the rarest to the commonest, at random among
/// equals: what rarest first reads from.
///
/// `order` is divided into buckets of equal availability. A change of availability by one moves
/// a piece over one bucket border, which takes one swap, so that a flood of HAVEs costs O(1) each.
/// Peers that have everything are not counted here: they make no piece rarer than another.
struct AvailabilityOrder: Sendable {
    private(set) var order: [UInt32] = []
    /// Where a piece stands in `order`, or `absent`.
    private var place: [UInt32]
    /// `bucketEnd[a]` is one past the last piece with availability `a`.
    private var bucketEnd: [Int] = [0]
    private var availability: [UInt16]

    private static let absent = UInt32.max

    /// No piece is listed and nobody has any.
    init(pieceCount: Int) {
        place = Array(repeating: Self.absent, count: pieceCount)
        availability = Array(repeating: 0, count: pieceCount)
    }

    /// The same availability of all pieces, with none of them listed.
    func emptied() -> AvailabilityOrder {
        var copy = AvailabilityOrder(pieceCount: place.count)
        copy.availability = availability
        return copy
    }

    /// How many of the counted peers have `piece`.
    func availability(of piece: PieceIndex) -> Int { Int(availability[piece.position]) }

    func isListed(_ piece: PieceIndex) -> Bool { place[piece.position] != Self.absent }

    mutating func insert(_ piece: PieceIndex, using generator: inout SeededGenerator) {
        guard !isListed(piece) else { return }
        let bucket = Int(availability[piece.position])
        extendBuckets(to: bucket)
        order.append(piece.rawValue)
        var hole = order.count - 1
        for higher in stride(from: bucketEnd.count - 1, to: bucket, by: -1) {
            let start = bucketEnd[higher - 1]
            if start != hole { move(order[start], to: hole) }
            hole = start
            bucketEnd[higher] += 1
        }
        bucketEnd[bucket] += 1
        move(piece.rawValue, to: hole)
        shuffleIn(hole, bucket: bucket, using: &generator)
    }

    mutating func remove(_ piece: PieceIndex) {
        guard isListed(piece) else { return }
        var hole = Int(place[piece.position])
        for bucket in Int(availability[piece.position])..<bucketEnd.count {
            let last = bucketEnd[bucket] - 1
            if last != hole { move(order[last], to: hole) }
            hole = last
            bucketEnd[bucket] -= 1
        }
        order.removeLast()
        place[piece.position] = Self.absent
    }

    /// One more peer has `piece`.
    mutating func increment(_ piece: PieceIndex, using generator: inout SeededGenerator) {
        let bucket = Int(availability[piece.position])
        guard bucket < Limits.availabilityMax else { return }
        availability[piece.position] += 1
        guard isListed(piece) else { return }
        extendBuckets(to: bucket + 1)
        let last = bucketEnd[bucket] - 1
        swapPlaces(Int(place[piece.position]), last)
        bucketEnd[bucket] -= 1
        shuffleIn(last, bucket: bucket + 1, using: &generator)
    }

    /// One peer fewer has `piece`.
    mutating func decrement(_ piece: PieceIndex, using generator: inout SeededGenerator) {
        let bucket = Int(availability[piece.position])
        guard bucket > 0 else { return }
        availability[piece.position] -= 1
        guard isListed(piece) else { return }
        let first = bucketEnd[bucket - 1]
        swapPlaces(Int(place[piece.position]), first)
        bucketEnd[bucket - 1] += 1
        shuffleIn(first, bucket: bucket - 1, using: &generator)
    }

    private mutating func extendBuckets(to bucket: Int) {
        while bucketEnd.count <= bucket { bucketEnd.append(order.count) }
    }

    /// Swaps the piece at `position` with any of its bucket, so that equals stay in random order.
    private mutating func shuffleIn(
        _ position: Int, bucket: Int, using generator: inout SeededGenerator
    ) {
        let start = bucket == 0 ? 0 : bucketEnd[bucket - 1]
        swapPlaces(position, Int.random(in: start..<bucketEnd[bucket], using: &generator))
    }

    private mutating func swapPlaces(_ a: Int, _ b: Int) {
        let (atA, atB) = (order[a], order[b])
        move(atA, to: b)
        move(atB, to: a)
    }

    private mutating func move(_ piece: UInt32, to position: Int) {
        order[position] = piece
        place[Int(piece)] = UInt32(truncatingIfNeeded: position)
    }
}
