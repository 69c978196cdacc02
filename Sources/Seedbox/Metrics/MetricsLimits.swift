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

    /// Questions for free space that wait for an answer: more than programs have at once, and no
    /// more than may wait for a disk that never answers.
    static let folderQuestionsMax = 32

    /// For how long a disk is waited for that is asked for its free space: longer than any that
    /// works needs, and less than anybody notices.
    static let folderAnswerMilliseconds: Int64 = 25
    /// The same before anything is known of it: a disk that sleeps has to wake up.
    static let firstFolderAnswerMilliseconds: Int64 = 2_000

    /// Torrents that are asked for the reason why they are not faster, in one scrape.
    static let reasonedTorrentsMax = 500
}
