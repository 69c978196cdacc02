/// What metrics cost at most.
extension Limits {
    /// Bytes of a file under `/proc` that are read: `/proc/stat` has a line for each processor and
    /// interrupt, and what is wanted of it stands behind them.
    static let kernelFileBytesMax = 256 * 1024
    /// Torrents that have series of their own. Each has some hundred bytes in every scrape, and
    /// Prometheus takes memory for each of them for as long as it keeps the data.
    static let torrentSeriesMax = 20_000
    /// Categories that are counted by themselves; the rest are counted as one.
    static let countedCategoriesMax = 200
    /// Bytes of a name in a series.
    static let seriesNameBytesMax = 256
    /// Folders whose free space is told.
    static let measuredFoldersMax = 100

    /// Torrents that are asked for the reason why they are not faster, in one scrape.
    static let reasonedTorrentsMax = 500
}
