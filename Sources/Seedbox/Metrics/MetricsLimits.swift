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

    /// The steps of latencies, in seconds: from a turn of an event loop to a stuck disk.
    static let latencySteps: [Double] = [
        0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]
}
