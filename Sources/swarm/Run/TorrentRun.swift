import FoundationEssentials
import Metainfo
import SwarmEngine
import Terminal
import Units

extension TorrentStatus {
    /// Whatever moves while a fetch does.
    fileprivate var bytesReceived: Int64 {
        var bytes = downloaded.addingSaturating(bytesDone)
        if case .fetchingMetadata(let done, _) = state {
            bytes = bytes.addingSaturating(Int64(done))
        }
        return bytes
    }
}

/// Torrents in a session, from the start to the end: for `seed` and `fetch`.
///
/// Everything that happens is an element of one stream, taken by one task, so that nothing here
/// needs a lock.
final class TorrentRun {
    enum Kind: Sendable {
        case seed
        case fetch
    }

    enum Input: Sendable {
        case tick
        case signal(Int32)
        case torrent(Int, TorrentEvent)
        case hookEnded(Failure?)
    }

    /// What is done beside running the torrents.
    struct Extras: Sendable {
        var hook: CompletionHook?
        /// Where the `.torrent` of the only one is written once it is known.
        var savedTorrent: String?
        /// Whether `--json` writes events; otherwise there is nothing on standard output.
        var tellsEvents = true
    }

    let kind: Kind
    let console: Console
    let extras: Extras
    let policy: RunState.Policy
    private let configuration: SessionConfiguration
    let requests: [TorrentRequest]
    private let inputs: AsyncStream<Input>
    let sender: AsyncStream<Input>.Continuation

    var state: RunState
    var session: Session?
    var torrents: [Torrent] = []
    var statuses: [TorrentStatus?]
    var pieces: [PieceStatus?]
    let startTime: Instant
    var port: UInt16 = 0
    var lastLines: [String]
    var nextLine: Instant
    var nextEvent: Instant
    var remarked: Set<String> = []
    /// The manifest that is to be saved could not be yet.
    var savesTorrentLate = false

    init(
        _ kind: Kind, _ configuration: SessionConfiguration, _ requests: [TorrentRequest],
        policy: RunState.Policy, extras: Extras = Extras(), console: Console = .standard
    ) {
        let now = monotonicNow()
        self.kind = kind
        self.configuration = configuration
        self.requests = requests
        self.policy = policy
        self.extras = extras
        self.console = console
        self.state = RunState(torrents: requests.count, policy: policy, now: now)
        self.statuses = requests.map { _ in nil }
        self.pieces = requests.map { _ in nil }
        self.lastLines = requests.map { _ in "" }
        self.startTime = now
        self.nextLine = now + Cadence.line
        self.nextEvent = now + Cadence.event
        (self.inputs, self.sender) = AsyncStream.makeStream(of: Input.self)
    }

    /// Runs until all is done, a goal is reached, or a signal ends it; the state is saved then.
    func run() async throws(Failure) -> ExitStatus {
        let signals = StopSignals.graceful()
        let pump = Task { [sender] in
            for await number in signals { sender.yield(.signal(number)) }
        }
        defer { pump.cancel() }
        let session: Session
        do throws(EngineError) {
            session = try await Session(configuration)
        } catch {
            throw error.failure(of: kind)
        }
        self.session = session
        port = session.port
        let ticker = Task { [sender] in
            while !Task.isCancelled {
                sender.yield(.tick)
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
        defer { ticker.cancel() }
        do throws(Failure) {
            try await add(to: session)
            let status = try await takeInputs()
            console.clear()
            await session.shutdown()
            return status
        } catch {
            console.clear()
            await session.shutdown()
            throw error
        }
    }

    private func add(to session: Session) async throws(Failure) {
        for (index, request) in requests.enumerated() {
            do throws(EngineError) {
                let torrent = try await session.add(request)
                torrents.append(torrent)
                let events = torrent.events
                Task { [sender] in
                    for await event in events { sender.yield(.torrent(index, event)) }
                }
            } catch {
                throw error.failure(of: kind)
            }
        }
    }

    private func takeInputs() async throws(Failure) -> ExitStatus {
        for await input in inputs {
            switch input {
            case .tick: try await tick()
            case .torrent(let index, let event): try await take(event, of: index)
            case .hookEnded(let failure):
                if let failure { console.report(failure) }
                state.hookEnded(well: failure == nil)
            case .signal(let number):
                console.remark("stopping; once more ends at once")
                return state.outcome(afterSignal: number)
            }
            if let outcome = state.outcome { return outcome }
        }
        return .failed
    }

    private func tick() async throws(Failure) {
        let now = monotonicNow()
        for (index, torrent) in torrents.enumerated() where isPresent(index) {
            statuses[index] = await torrent.status()
            pieces[index] = await torrent.pieces()
        }
        try show(now)
        let numbers = statuses.map { status in
            RunState.Numbers(
                bytesReceived: status?.bytesReceived ?? 0, ratio: status?.ratio ?? 0)
        }
        for index in state.leave(numbers, now: now) {
            console.remark("\(torrents[index].name): seeded enough")
            await session?.remove(torrents[index])
        }
        if state.isStalled(numbers, now: now), let timeout = policy.stallTimeout {
            throw Failure(
                .stalled, requests.count == 1 ? torrents[0].name : nil,
                "nothing came for \(intervalText(timeout))",
                remedy: "run the same command again to go on")
        }
    }

    func isPresent(_ index: Int) -> Bool {
        switch state.phases[index] {
        case .starting, .fetchingMetadata, .downloading, .seeding: true
        case .left, .failed: false
        }
    }

    func directory(_ index: Int) -> String { requests[index].directory }

    /// Ends one torrent; the others go on.
    func fail(_ index: Int, _ error: EngineError) async {
        if case .failed = state.phases[index] { return }
        let failure = error.failure(of: kind)
        console.report(failure)
        state.failed(index, failure.status)
        statuses[index]?.state = .failed(error)
        await session?.remove(torrents[index])
    }
}
