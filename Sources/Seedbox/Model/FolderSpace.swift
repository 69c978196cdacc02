import Dispatch
import NIOCore
import NIOPosix
import Synchronization

/// The free space of folders, as it was when it was asked for last. A disk that does not answer
/// keeps nobody waiting.
final class FolderSpace: Sendable {
    typealias Ask = @Sendable (String) -> (free: Int64, total: Int64)?

    private struct State {
        var folders: [MetricsReading.Folder] = []
        var isAsking = false
        /// A disk has kept somebody waiting for long; that is not to happen again.
        var isSlow = false
    }

    private let state = Mutex(State())
    private let ask: Ask
    private let queue = DispatchQueue(label: "free space")

    init(_ ask: @escaping Ask) { self.ask = ask }

    var latest: [MetricsReading.Folder] { state.withLock { $0.folders } }

    /// As it is now, if the disks say so soon, and as it was otherwise. Where nothing is known yet
    /// they are waited for a little longer, once.
    func soon(_ folders: [String]) async -> [MetricsReading.Folder] {
        let (answers, told) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let mayTakeLong = state.withLock { $0.folders.isEmpty && !$0.isSlow }
        let patience =
            mayTakeLong ? Limits.firstFolderAnswerMilliseconds : Limits.folderAnswerMilliseconds
        let alarm = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
            in: .milliseconds(patience)
        ) {
            self.state.withLock { $0.isSlow = true }
            told.finish()
        }
        refresh(folders) { told.finish() }
        for await _ in answers {}
        alarm.cancel()
        return latest
    }

    /// Asks again, unless that is still going on.
    func refresh(_ folders: [String], then done: @escaping @Sendable () -> Void = {}) {
        let begins = state.withLock { state in
            defer { state.isAsking = true }
            return !state.isAsking
        }
        guard begins else { return }
        // Not among the threads that others share, as it may never come back.
        queue.async { [self] in
            let answers = folders.compactMap { folder in
                ask(folder).map {
                    MetricsReading.Folder(path: folder, free: $0.free, total: $0.total)
                }
            }
            state.withLock { state in
                (state.folders, state.isSlow, state.isAsking) = (answers, false, false)
            }
            done()
        }
    }
}
