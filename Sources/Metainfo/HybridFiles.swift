/// A hybrid torrent says twice what its files are, and both have to be the same (BEP 52, "upgrade
/// path"): a client of v1 and one of v2 would otherwise get different files under one name.
enum HybridFiles {
    /// Checks that both lists have the same files, of the same lengths and in the same order, and
    /// at the same addresses; and gives those of v1 the roots of v2. Files without bytes may come
    /// in any order.
    static func merge(
        _ v2: FileList, into v1: inout FileList, pieceLength: UInt32
    ) throws(MetainfoError) {
        let old = v1.entries.indices.filter { !v1.entries[$0].isPad && v1.entries[$0].length > 0 }
        let new = v2.entries.filter { $0.length > 0 }
        let oldEmpty = v1.entries.filter { !$0.isPad && $0.length == 0 }.map(\.rawPath)
        let newEmpty = v2.entries.filter { $0.length == 0 }.map(\.rawPath)
        guard old.count == new.count, oldEmpty.count == newEmpty.count else {
            throw .hybridFileCountMismatch(
                v1: old.count + oldEmpty.count, v2: v2.entries.count)
        }
        let newLayout = try ContentLayout(laying: new, pieceLength, hasGaps: true)
        let oldLayout = try ContentLayout(laying: v1.entries, pieceLength, hasGaps: false)
        for (number, (index, file)) in zip(old, newLayout.files).enumerated() {
            let entry = oldLayout.files[index]
            guard entry.rawPath == file.rawPath else { throw .hybridPathMismatch(file: number) }
            guard entry.length == file.length else {
                throw .hybridLengthMismatch(file: number, v1: entry.length, v2: file.length)
            }
            guard entry.offset == file.offset else { throw .hybridFileNotAligned(file: number) }
            v1.entries[index].piecesRoot = file.piecesRoot
        }
        guard Set(oldEmpty) == Set(newEmpty) else {
            throw .hybridPathMismatch(file: old.count)
        }
    }
}
