/// The bounds of a text that is read.
enum Limits {
    /// Arrays and objects within each other. Programs that speak to us need three or four.
    static let depthMax = 64
    /// Values in one text: an id for each torrent of the largest session, many times over.
    static let valueCountMax = 1_000_000
}
