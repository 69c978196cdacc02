import Dispatch
import NIOCore
import NIOPosix
import Synchronization

/// The free space of folders, as it was when it was asked for last. A disk that does not answer
/// keeps nobody waiting.
final class FolderSpace: Sendable {
    struct Folder: Hashable, Sendable {
        var path: String
        /// Bytes that users may still write there, and all that there are.
        var free: Int64
        var total: Int64
    }

    typealias Ask = @Sendable (String) throws(SeedboxError) -> (free: Int64, total: Int64)

    private struct State {
        var answers: [String: Result<Folder, SeedboxError>] = [:]
        /// What was asked and is not answered.
        var open = 0
        /// A disk has kept somebody waiting for long; that is not to happen again.
        var isSlow = false
    }

    private let state = Mutex(State())
    private let ask: Ask
    private let queue = DispatchQueue(label: "free space")

    init(_ ask: @escaping Ask) { self.ask = ask }

    /// Those of which something is known.
    func latest(_ paths: [String]) -> [Folder] {
        state.withLock { state in paths.compactMap { try? state.answers[$0]?.get() } }
    }

    /// As it is now, if the disks say so soon, and as it was otherwise. Where nothing is known yet
    /// they are waited for a little longer, once.
    func soon(_ paths: [String]) async -> [Folder] {
        let (answers, told) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let mayTakeLong = state.withLock { state in
            !state.isSlow && paths.contains { state.answers[$0] == nil }
        }
        let patience =
            mayTakeLong ? Limits.firstFolderAnswerMilliseconds : Limits.folderAnswerMilliseconds
        let alarm = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(
            in: .milliseconds(patience)
        ) {
            self.state.withLock { $0.isSlow = true }
            told.finish()
        }
        refresh(paths) { told.finish() }
        for await _ in answers {}
        alarm.cancel()
        return latest(paths)
    }

    /// The same of one folder, or why it cannot be told.
    func soon(_ path: String) async throws(SeedboxError) -> Folder {
        _ = await soon([path])
        guard let answer = state.withLock({ $0.answers[path] }) else {
            throw .storage("\(path): its disk does not say what is free")
        }
        return try answer.get()
    }

    /// Asks again, unless too much is open already.
    func refresh(_ paths: [String], then done: @escaping @Sendable () -> Void = {}) {
        let begins = state.withLock { state in
            guard state.open < Limits.folderQuestionsMax else { return false }
            state.open += 1
            return true
        }
        guard begins else { return }
        // Not among the threads that others share, as it may never come back.
        queue.async { [self] in
            let answers = paths.map { ($0, answer(of: $0)) }
            state.withLock { state in
                if state.answers.count > Limits.measuredFoldersMax { state.answers = [:] }
                for (path, answer) in answers { state.answers[path] = answer }
                state.open -= 1
                state.isSlow = false
            }
            done()
        }
    }

    private func answer(of path: String) -> Result<Folder, SeedboxError> {
        do throws(SeedboxError) {
            let (free, total) = try ask(path)
            return .success(Folder(path: path, free: free, total: total))
        } catch {
            return .failure(error)
        }
    }
}

extension Settings {
    /// The folders that content is put into, each once.
    var contentFolders: [String] {
        var seen: Set<String> = [""]
        return ([storage.downloadFolder] + categories.compactMap(\.folder).sorted())
            .filter { seen.insert($0).inserted }.prefix(Limits.measuredFoldersMax).map(\.self)
    }
}
