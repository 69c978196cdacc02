import FoundationEssentials
import JSONText
import Metainfo
import Seedbox
import SwarmEngine
import Terminal
import Units

extension TorrentRun {
    // MARK: - What happens to a torrent

    func take(_ event: TorrentEvent, of index: Int) async throws(Failure) {
        switch event {
        case .fetchingMetadata:
            state.isSeekingMetadata(index)
            try say(index, "fetching_metadata", [])
            console.remark("\(torrents[index].name): asking peers what it is")
        case .metadata(let metainfo): try learned(index, metainfo)
        case .resumed(let bytesDone, let rehashedBytes):
            try await started(index, bytesDone: bytesDone, rehashedBytes: rehashedBytes)
        case .completed where requests[index].wantsMetadataOnly:
            state.completed(index, now: monotonicNow())
        case .completed: try await completed(index)
        case .failed(let error): await fail(index, error)
        case .diskFull(let error):
            // A seedbox waits for room; who started a command is there to make some.
            await fail(index, error)
        case .connected, .diskRelieved, .pieceCompleted, .storageMissing, .storageFound, .moved:
            break
        case .trackerWarning(let url, let text):
            try say(index, "tracker_warning", [("url", .string(url)), ("message", .string(text))])
            remarkOnce("\(torrents[index].name): \(url): \(text)")
        case .trackerFailed(let url, let error):
            let text = "\(error)"
            try say(index, "tracker_failed", [("url", .string(url)), ("message", .string(text))])
            remarkOnce("\(torrents[index].name): \(url): \(text)")
        case .peerBanned(let endpoint, let reason):
            let words = "\(reason)"
            try say(
                index, "peer_banned",
                [("peer", .string("\(endpoint)")), ("reason", .string(words))])
            if console.options.verbosity > 0 { console.remark("banned \(endpoint): \(words)") }
        case .hashFailed(let piece):
            try say(index, "hash_failed", [("piece", .count(piece.position))])
            if console.options.verbosity > 0 { console.remark("\(piece): the hash is wrong") }
        }
    }

    private func learned(_ index: Int, _ metainfo: Metainfo) throws(Failure) {
        state.hasMetadata(index)
        let layout = metainfo.layout
        try say(
            index, "metadata",
            [
                ("name", .string(metainfo.name)), ("size", .integer(layout.contentLength)),
                ("files", .count(metainfo.shownFiles.count)),
                ("version", .string(metainfo.version.word)),
                ("private", .bool(metainfo.isPrivate)),
            ])
        if extras.tellsEvents {
            console.remark(
                "\(metainfo.name): \(countText(metainfo.shownFiles.count, "file")), "
                    + sizeText(layout.contentLength))
        }
        try save(metainfo)
    }

    /// A hybrid torrent may be begun without the v2 hashes that its manifest has. They are known
    /// in the end, unless not all of it was wanted.
    private func save(_ metainfo: Metainfo, isLast: Bool = false) throws(Failure) {
        guard let path = extras.savedTorrent else { return }
        savesTorrentLate = !metainfo.filesWithoutPieceLayer.isEmpty
        guard savesTorrentLate else {
            return try ManifestFiles.write(metainfo, to: path, .sameTorrent)
        }
        guard isLast else { return }
        console.remark("\(metainfo.name): not saved as \(path): its v2 hashes are not all known")
    }

    private func started(
        _ index: Int, bytesDone: Int64, rehashedBytes: Int64
    ) async throws(Failure) {
        state.started(index)
        guard let metainfo = torrents[index].metainfo else { return }
        let name = metainfo.name
        var facts: [JSON.Member] = [
            ("bytes_done", .integer(bytesDone)), ("rehashed_bytes", .integer(rehashedBytes)),
            ("name", .string(name)), ("size", .integer(metainfo.layout.contentLength)),
            ("port", .integer(Int64(port))),
        ]
        switch kind {
        case .seed:
            facts.append(("magnet", .string(metainfo.magnetLink.text)))
            try say(index, "seeding", facts)
            state.completed(index, now: monotonicNow())
            console.remark("\(name): seeding at port \(port)")
        case .fetch:
            let isResumed = bytesDone > 0 || rehashedBytes > 0
            try say(index, isResumed ? "resumed" : "started", facts)
            guard isResumed else { break }
            let percent = percentText(bytesDone, of: metainfo.layout.contentLength)
            console.remark(
                "\(name): resumed at \(percent), \(sizeText(rehashedBytes)) hashed again")
        }
    }

    private func completed(_ index: Int) async throws(Failure) {
        guard kind == .fetch else { return }
        let now = monotonicNow()
        let status = await torrents[index].status()
        statuses[index] = status
        pieces[index] = await torrents[index].pieces()
        let path = contentPath(index)
        let elapsed = now - startTime
        try say(
            index, "completed",
            [
                ("name", .string(status.name)), ("path", .string(path)),
                ("size", .integer(status.bytesWanted)),
                ("downloaded", .integer(status.downloaded)),
                ("uploaded", .integer(status.uploaded)), ("seconds", .number(elapsed.seconds)),
            ])
        if console.options.json == false { try console.print(terminalSafe(path)) }
        var words = "\(status.name): done, \(sizeText(status.bytesWanted))"
        if status.downloaded > 0, elapsed > .milliseconds(1) {
            let rate = Double(status.downloaded) / elapsed.seconds
            words +=
                " in \(intervalText(elapsed)), \(rateText(ByteRate(bytesPerSecond: Int64(rate))))"
        }
        console.remark(words)
        if savesTorrentLate, let metainfo = torrents[index].metainfo {
            try save(metainfo, isLast: true)
        }
        startHook(index, status)
        state.completed(index, now: now)
    }

    private func startHook(_ index: Int, _ status: TorrentStatus) {
        guard let hook = extras.hook, let metainfo = torrents[index].metainfo else { return }
        var facts = HookFacts(
            .completed, name: metainfo.name, infoHash: "\(metainfo.infoHash)",
            directory: directory(index), path: contentPath(index), time: localTimeText(),
            version: programVersion)
        facts.bytes = status.bytesWanted
        facts.bytesDownloaded = status.downloaded
        facts.bytesUploaded = status.uploaded
        facts.files = metainfo.shownFiles.count
        facts.isPrivate = metainfo.isPrivate
        facts.trackers = metainfo.announceTiers.flatMap(\.self)
        state.hookStarted()
        let outputToError = console.options.json
        Task { [sender] in
            do throws(Failure) {
                try await hook.run(
                    facts, environment: ProcessInfo.processInfo.environment,
                    outputToError: outputToError)
                sender.yield(.hookEnded(nil))
            } catch {
                sender.yield(.hookEnded(error))
            }
        }
    }

    private func contentPath(_ index: Int) -> String {
        joinedPath(directory(index), torrents[index].name)
    }

    // MARK: - What is said

    /// An event, where the output is JSON.
    private func say(_ index: Int, _ event: String, _ facts: [JSON.Member]) throws(Failure) {
        guard console.options.json, extras.tellsEvents else { return }
        let hash = "\(torrents[index].infoHash)"
        try console.print(
            .object([("event", .string(event)), ("info_hash", .string(hash))] + facts))
    }

    /// What a tracker says again and again is said once.
    private func remarkOnce(_ text: String) {
        if remarked.count >= Limits.remarksMax { remarked.removeAll() }
        if remarked.insert(text).inserted { console.remark(text) }
    }

    /// Progress, in the manner and as often as it is wanted.
    func show(_ now: Instant) throws(Failure) {
        switch console.traits.progress {
        case .none: break
        case .live:
            let torrents = zip(statuses, pieces).compactMap { status, pieces in
                status.map { LiveTorrent($0, pieces) }
            }
            console.draw { $0.lines(torrents) }
        case .lines:
            guard now >= nextLine else { return }
            nextLine = now + Cadence.line
            for (index, status) in statuses.enumerated() {
                guard let status else { continue }
                let line = ProgressText.line(LiveTorrent(status, pieces[index]))
                // A seed that nobody asks would fill a log with one line.
                if line != lastLines[index] { console.remark(StyledLine(line)) }
                lastLines[index] = line
            }
        case .json:
            guard now >= nextEvent, extras.tellsEvents else { return }
            nextEvent = now + Cadence.event
            for (index, status) in statuses.enumerated() {
                // The first event of a torrent is that it started.
                guard let status, state.phases[index] != .starting || kind == .seed else {
                    continue
                }
                try console.print(
                    ProgressText.json(
                        LiveTorrent(status, pieces[index]), infoHash: "\(torrents[index].infoHash)")
                )
            }
        }
    }
}
