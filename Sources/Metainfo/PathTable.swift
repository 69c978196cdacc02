import Hashing

/// Gives each file of a torrent a path that no other has, and that is not a folder of another:
/// not even on a file system that does not tell case, or the Unicode forms of a letter, apart.
///
/// The first file of a path keeps it. The next is `name.1.ext`, then `name.2.ext`. A file that is
/// where another has a folder gives way. So the same torrent has the same paths everywhere.
struct PathTable {
    /// A file or folder by its folder and its folded name. Text compares by canonical equivalence.
    private struct Place: Hashable {
        let folder: Int
        let name: String
    }

    /// The number of each folder; 0 is the torrent's own.
    private var folders: [Place: Int] = [:]
    private var files: Set<Place> = []
    /// The number that the last file was given that had to give way in a place.
    private var suffixes: [Place: Int] = [:]
    private var renamedCount = 0

    /// Makes the paths of `entries` unique.
    static func disambiguate(_ entries: inout [FileEntry]) throws(MetainfoError) {
        var table = PathTable()
        var parents: [Int] = []
        parents.reserveCapacity(entries.count)
        for entry in entries { parents.append(entry.isPad ? 0 : table.makeFolders(of: entry)) }
        table.files.reserveCapacity(entries.count)
        for index in entries.indices where !entries[index].isPad {
            try table.place(&entries[index], in: parents[index])
        }
    }

    private mutating func makeFolders(of entry: FileEntry) -> Int {
        var folder = 0
        for name in entry.path.dropLast() {
            let place = Place(folder: folder, name: folded(name))
            let next = folders.count + 1
            folder = folders[place] ?? next
            if folder == next { folders[place] = next }
        }
        return folder
    }

    private mutating func place(_ entry: inout FileEntry, in folder: Int) throws(MetainfoError) {
        guard let name = entry.path.last else { return }
        let wanted = Place(folder: folder, name: folded(name))
        if take(wanted) { return }
        renamedCount += 1
        guard renamedCount <= Limits.renamedFileCountMax else {
            throw .tooManyTakenPaths(max: Limits.renamedFileCountMax)
        }
        let (stem, fileExtension) = PathElement.split(name)
        var suffix = suffixes[wanted] ?? 0
        var candidate: String
        repeat {
            suffix += 1
            let text = "\(stem).\(suffix)\(fileExtension)"
            candidate = PathElement.shortened(text, tag: .hash(Array(text.utf8)))
        } while !take(Place(folder: folder, name: folded(candidate)))
        suffixes[wanted] = suffix
        entry.rename(to: entry.path.dropLast() + [candidate])
    }

    private mutating func take(_ place: Place) -> Bool {
        folders[place] == nil && files.insert(place).inserted
    }
}

/// What `name` has in common with all names that a file system may take for it.
private func folded(_ name: String) -> String {
    let isFolded = name.utf8.allSatisfy { $0 < 0x80 && !(0x41...0x5A).contains($0) }
    return isFolded ? name : name.lowercased()
}
