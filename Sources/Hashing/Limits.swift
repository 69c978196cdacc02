/// What a hash that somebody wrote into a file may cost to check.
enum Limits {
    /// 2^17 blocks of 1 KiB are 128 MiB: more than is advised for files, let alone for a service.
    static let scryptLogarithmMax = 17
    /// In units of 128 bytes; nobody uses any other than 8.
    static let scryptBlockSizeMax = 8
    static let scryptParallelismMax = 16
}
