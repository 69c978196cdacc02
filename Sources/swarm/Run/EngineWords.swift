import SwarmEngine
import Terminal
import Units

extension EngineError {
    /// What it means for how the process ends.
    private func status(of kind: TorrentRun.Kind) -> ExitStatus {
        switch self {
        case .badAddress, .cannotListen, .tracker, .trackerSilent, .stopped: .failed
        case .badName, .duplicate, .badSelection, .busy: .badUsage
        case .incomplete, .inconsistentHashes, .missingContent: .verificationFailed
        // Who fetches cannot write; who seeds does not have the content.
        case .storage: kind == .fetch ? .unwritable : .verificationFailed
        case .noSpace, .state: .unwritable
        case .download, .privateAddress, .metadata: .unreadableSource
        }
    }

    /// Its description names its thing.
    func failure(of kind: TorrentRun.Kind) -> Failure {
        Failure(status(of: kind), nil, "\(self)")
    }
}

extension LiveTorrent {
    init(_ status: TorrentStatus, _ pieces: PieceStatus?) {
        self.init(
            name: status.name, phase: Phase(status), bytesWanted: status.bytesWanted,
            bytesDone: status.bytesDone, have: pieces?.have ?? Bitfield(count: 0))
        switch status.state {
        case .checking(let done, let total): (bytesDone, bytesWanted) = (done, total)
        case .fetchingMetadata(let done, let total):
            (bytesDone, bytesWanted) = (Int64(done), Int64(total ?? 0))
        case .moving(let done, let total): (bytesDone, bytesWanted) = (done, total)
        case .downloading, .seeding, .diskFull, .waitingForStorage, .failed, .stopped: break
        }
        availability = pieces?.availability ?? []
        downloadRate = status.downloadRate
        uploadRate = status.uploadRate
        downloaded = status.downloaded
        uploaded = status.uploaded
        peersConnected = status.peersConnected
        seedsConnected = status.seedsConnected
        peersKnown = status.peersKnown
        timeLeft = status.timeLeft
        ratio = status.ratio
    }
}

extension LiveTorrent.Phase {
    init(_ status: TorrentStatus) {
        switch status.state {
        case .fetchingMetadata: self = .fetchingMetadata
        case .checking: self = .checking
        case .downloading: self = .downloading
        case .seeding: self = .seeding
        case .diskFull: self = .paused("no space left on the device")
        case .waitingForStorage(let error): self = .paused("\(error)")
        case .moving: self = .paused("its content is being moved")
        case .failed(let error): self = .failed("\(error)")
        case .stopped: self = .done
        }
    }
}
