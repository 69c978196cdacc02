import CLinux
import Glibc
import Metainfo
import Synchronization
import Units

/// What stands on disk where a file of the torrent belongs.
struct FoundFile: Sendable {
    /// A regular file under the final name.
    var final: FileIdentity?
    /// Something under the final name, or in the way to it, that can never be the file.
    var obstacle: StorageError?
    var part: FileIdentity?
    var alternativePart: FileIdentity?

    var exists: Bool {
        final != nil || obstacle != nil || part != nil || alternativePart != nil
    }
}

/// What is known of a file from an earlier run.
struct KnownFile: Hashable, Sendable {
    var identity: FileIdentity
    /// It had its final name, so nobody should have written to it since.
    var isWhole: Bool
}

/// What an earlier run left behind, as far as it is known to be true.
struct Claims: Sendable {
    /// Pieces whose bytes were synced.
    var recorded: Bitfield
    /// Pieces that were verified, whose bytes were not.
    var tail: [PieceIndex] = []
    /// By the number of the file.
    var files: [UInt32: KnownFile] = [:]
    /// The run ended in order, so nothing was written after the last record.
    var endedInOrder = false
}

/// Which pieces a run begins with.
struct Resumption: Sendable {
    /// Had, without looking.
    var trusted: Bitfield
    /// Their bytes are there, and must be hashed.
    var toCheck: Bitfield
    /// There are bytes for all of them.
    var present: Bitfield
    /// Files that were claimed to hold verified bytes and are gone or have changed.
    var changedFiles: [FileIndex] = []
    var missingFiles: [FileIndex] = []
    /// Files that this torrent's earlier run is known to have made.
    var ownFiles: Set<UInt32> = []
    /// All pieces are had, on the caller's word.
    var isWhole = false
}

extension FileStore {
    /// Said of the whole content, by the path of what would be found first.
    var missingContent: StorageError {
        let first = layout.files.indices.first {
            !layout.files[$0].isPad && layout.files[$0].length > 0
        }
        return StorageError(
            .missingContent, path: first.map { root.name(of: names.final($0)) } ?? folder)
    }

    /// Looks at all that is there. Changes nothing.
    func survey() throws(StorageError) -> [FoundFile] {
        var visit = FolderVisit(root)
        var found: [FoundFile] = []
        found.reserveCapacity(layout.files.count)
        for file in layout.files.indices { found.append(try find(file, &visit)) }
        return found
    }

    /// Whether anything of the content is there. Looks no further than the first file that is.
    func hasAnything() throws(StorageError) -> Bool {
        var visit = FolderVisit(root)
        for file in layout.files.indices where try find(file, &visit).exists { return true }
        return false
    }

    private func find(
        _ file: Int, _ visit: inout FolderVisit
    ) throws(StorageError) -> FoundFile {
        guard !layout.files[file].isPad, layout.files[file].length > 0 else { return FoundFile() }
        do throws(StorageError) {
            return try look(at: file, &visit)
        } catch {
            guard error.kind == .unsafePath || error.kind == .pathTooLong else { throw error }
            return FoundFile(obstacle: error)
        }
    }

    private func look(
        at file: Int, _ visit: inout FolderVisit
    ) throws(StorageError) -> FoundFile {
        var entry = FoundFile()
        let length = layout.files[file].length
        if let status = try visit.status(of: names.final(file)) {
            let fits = status.st_mode & S_IFMT == S_IFREG && Int64(status.st_size) <= length
            if fits {
                entry.final = FileIdentity(status)
            } else {
                entry.obstacle = StorageError(
                    .existsWithOtherContent, path: root.name(of: names.final(file)))
            }
        }
        entry.part = try regular(names.part(file), &visit)
        entry.alternativePart = try regular(names.alternativePart(file), &visit)
        return entry
    }

    private func regular(
        _ path: [String], _ visit: inout FolderVisit
    ) throws(StorageError) -> FileIdentity? {
        try visit.status(of: path).flatMap {
            $0.st_mode & S_IFMT == S_IFREG ? FileIdentity($0) : nil
        }
    }

    /// Takes what stands on disk as the places to read from, for whoever only checks it: no claim
    /// is believed, and nothing is changed.
    public func findFiles() throws(StorageError) {
        let none = Claims(recorded: Bitfield(count: layout.pieceCount))
        _ = try resume(from: try survey(), claims: none)
    }

    /// Takes what was found as the places to read from, and says what of the claims still holds
    /// and what must be hashed. Nothing is changed on disk.
    func resume(from found: [FoundFile], claims: Claims) throws(StorageError) -> Resumption {
        var standing = Standing(layout: layout, claims: claims)
        let partsIdentity = try root.status(of: names.parts).map(FileIdentity.init)
        standing.judge(Self.partsNumber, partsIdentity, isPart: true)
        state.withLock { state in
            for (file, entry) in found.enumerated() {
                let (place, identity) = place(of: file, entry, claims.files[UInt32(file)])
                state.slots[file].place = place
                if isInParts(state.slots[file]) {
                    standing.isInParts.insert(file)
                } else {
                    standing.judge(UInt32(file), identity, isPart: place != .final)
                }
            }
        }
        return standing.resumption()
    }

    /// Whether all files are there under their final names, with the right lengths.
    func areAllFinal(_ found: [FoundFile]) -> Bool {
        zip(layout.files, found).allSatisfy { file, entry in
            file.isPad || file.length == 0 || entry.final?.size == file.length
        }
    }

    /// The likeliest of what was found: what an earlier run is known to have made, or else the
    /// final name, or else a partial one.
    private func place(
        of file: Int, _ entry: FoundFile, _ known: KnownFile?
    ) -> (Place, FileIdentity?) {
        let length = layout.files[file].length
        let fits = { (identity: FileIdentity) in identity.size <= length }
        let candidates: [(Place, FileIdentity)] = [
            entry.final.map { (.final, $0) },
            entry.alternativePart.map { (.alternativePart, $0) },
            entry.part.map { (.part, $0) },
        ].compactMap(\.self).filter { fits($0.1) }
        let own = candidates.first { $0.1.inode == known?.identity.inode }
        guard let chosen = own ?? candidates.first else { return (.absent, nil) }
        return chosen
    }

    /// Decides what is this torrent's, once the pieces that `resume` named are hashed.
    ///
    /// A file that holds at least one good piece, or that an earlier run made, is this torrent's.
    /// Of the others: a file under a final name with the right length, none of whose own pieces
    /// was found wrong, is left alone, and what is downloaded is compared with it in the end; any
    /// other is in the way. A partial file of somebody else's is left alone and another name used.
    ///
    /// - Parameters:
    ///   - good: the pieces that are had.
    ///   - bad: the pieces that are there and are wrong.
    func adopt(
        good: Bitfield, bad: Bitfield, own: Set<UInt32>, found: [FoundFile]
    ) throws(StorageError) {
        for (file, entry) in found.enumerated() {
            let slot = state.withLock { $0.slots[file] }
            let pieces = layout.pieces(of: FileIndex(file))
            let isOurs =
                own.contains(UInt32(file)) || pieces.contains { good.contains(PieceIndex($0)) }
            if let obstacle = entry.obstacle, slot.isWanted { throw obstacle }
            guard slot.place != .absent else {
                // What is there under a partial name did not fit.
                setPlace(.absent, of: file, partIsTaken: entry.part != nil)
                continue
            }
            if slot.place != .final, slot.isWanted, let final = entry.final,
                final.size != layout.files[file].length
            {
                // The rename in the end could only fail, so say it now.
                throw StorageError(
                    .existsWithOtherContent, path: root.name(of: names.final(file)))
            }
            if isOurs || (slot.place != .final && (isEmpty(entry, slot) || isNoted(file, slot))) {
                setPlace(slot.place, of: file, partIsTaken: slot.place == .alternativePart)
                if slot.place == .final, pieces.allSatisfy({ good.contains(PieceIndex($0)) }) {
                    state.withLock { $0.finals[UInt32(file)] = entry.final }
                }
                continue
            }
            try giveUp(file, entry, slot, bad: bad)
        }
    }

    /// Leaves alone what is there under the file's name.
    private func giveUp(
        _ file: Int, _ entry: FoundFile, _ slot: Slot, bad: Bitfield
    ) throws(StorageError) {
        let isDisproved = layout.pieces(of: FileIndex(file)).contains { piece in
            bad.contains(PieceIndex(piece)) && isWithin(file, PieceIndex(piece))
        }
        let mayBeRight =
            slot.place == .final && entry.final?.size == layout.files[file].length && !isDisproved
        guard !slot.isWanted || mayBeRight || slot.place == .part else {
            throw StorageError(
                .existsWithOtherContent, path: root.name(of: elements(of: file, slot)))
        }
        setPlace(.absent, of: file, partIsTaken: entry.part != nil)
    }

    /// Whether all bytes of the piece that are not padding lie in the file.
    private func isWithin(_ file: Int, _ piece: PieceIndex) -> Bool {
        var isWithin = true
        layout.forEachSegment(of: layout.byteRange(of: piece)) { segment in
            if !segment.isPad, segment.file.position != file { isWithin = false }
        }
        return isWithin
    }

    /// Whether the partial file holds nothing that could be lost.
    private func isEmpty(_ entry: FoundFile, _ slot: Slot) -> Bool {
        (slot.place == .part ? entry.part : entry.alternativePart)?.size == 0
    }

    /// Whether an earlier run made the partial file, though it was killed before it could say so.
    private func isNoted(_ file: Int, _ slot: Slot) -> Bool {
        guard let descriptor = try? root.open(elements(of: file, slot), writing: false) else {
            return false
        }
        return is_part_of(descriptor.rawValue, names.whole) == 1
    }

    private func setPlace(_ place: Place, of file: Int, partIsTaken: Bool) {
        state.withLock { state in
            state.slots[file].place = place
            state.slots[file].partIsTaken = partIsTaken
        }
        forget(file)
    }
}

/// Judges claims file by file.
private struct Standing {
    let layout: ContentLayout
    let claims: Claims
    var isInParts: Set<Int> = []
    private var partsAreTrusted = false
    private var partsExist = false
    /// Pieces with bytes in files that are not as they were.
    private var suspect: Bitfield
    /// Pieces with bytes that are not there at all.
    private var absent: Bitfield
    private var changed: [FileIndex] = []
    private var missing: [FileIndex] = []
    private var own: Set<UInt32> = []

    init(layout: ContentLayout, claims: Claims) {
        self.layout = layout
        self.claims = claims
        self.suspect = Bitfield(count: layout.pieceCount)
        self.absent = Bitfield(count: layout.pieceCount)
    }

    mutating func judge(_ number: UInt32, _ identity: FileIdentity?, isPart: Bool) {
        let known = claims.files[number]
        let isUnchanged = known.map { isSame($0, identity, isPart: isPart) } ?? false
        if let known, known.identity.inode == identity?.inode { own.insert(number) }
        if number == FileStore.partsNumber {
            partsAreTrusted = isUnchanged
            partsExist = identity != nil
            return
        }
        let file = FileIndex(number)
        let pieces = layout.pieces(of: file)
        let entry = layout.files[file.position]
        guard !entry.isPad, entry.length > 0 else { return }
        if let identity {
            guard !isUnchanged else { return markAbsent(file, from: identity.size) }
            for piece in pieces { suspect.insert(PieceIndex(piece)) }
            if known != nil { changed.append(file) }
            markAbsent(file, from: identity.size)
        } else {
            if pieces.contains(where: { claims.recorded.contains(PieceIndex($0)) }) {
                missing.append(file)
            }
            markAbsent(file, from: 0)
        }
    }

    /// A file that was whole must be as it was to the nanosecond. One that was not may have grown
    /// since, unless the run that wrote it ended in order.
    private func isSame(_ known: KnownFile, _ found: FileIdentity?, isPart: Bool) -> Bool {
        guard let found, found.inode == known.identity.inode else { return false }
        if known.isWhole || claims.endedInOrder {
            return found.size == known.identity.size && found.modified == known.identity.modified
        }
        return found.size >= known.identity.size && found.modified >= known.identity.modified
    }

    private mutating func markAbsent(_ file: FileIndex, from size: Int64) {
        let entry = layout.files[file.position]
        guard size < entry.length, layout.pieceLength > 0 else { return }
        let first = Int((entry.offset + size) / Int64(layout.pieceLength))
        for piece in layout.pieces(of: file) where piece >= first {
            absent.insert(PieceIndex(piece))
        }
    }

    func resumption() -> Resumption {
        var trusted = claims.recorded
        var toCheck = suspect
        var absent = absent
        for file in isInParts where !partsAreTrusted {
            let pieces = layout.pieces(of: FileIndex(file))
            for piece in pieces {
                // Only a piece that other files share is ever asked for.
                let isShared = piece == pieces.lowerBound || piece == pieces.upperBound - 1
                trusted.remove(PieceIndex(piece))
                if partsExist, isShared {
                    toCheck.insert(PieceIndex(piece))
                } else {
                    absent.insert(PieceIndex(piece))
                }
            }
        }
        suspect.forEach { trusted.remove($0) }
        absent.forEach { trusted.remove($0) }
        for piece in claims.tail { toCheck.insert(piece) }
        trusted.forEach { toCheck.remove($0) }
        absent.forEach { toCheck.remove($0) }
        var present = Bitfield(allSet: layout.pieceCount)
        absent.forEach { present.remove($0) }
        return Resumption(
            trusted: trusted, toCheck: toCheck, present: present, changedFiles: changed,
            missingFiles: missing,
            ownFiles: own)
    }
}
