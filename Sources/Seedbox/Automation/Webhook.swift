import Discovery
import JSONText
import Logging
import Units

/// What came of one attempt to tell a server.
enum WebhookAnswer: Hashable, Sendable {
    case taken
    /// It will say the same again.
    case refused(status: UInt)
    /// It may be better later.
    case failed(reason: String)

    init(status: UInt) {
        switch status {
        case 200..<300: self = .taken
        // Too slow, too early, too many, or its own trouble.
        case 408, 425, 429, 500...599: self = .failed(reason: "the server answered \(status)")
        default: self = .refused(status: status)
        }
    }

    /// How long to wait after so many attempts; nil is to give up.
    static func pause(afterAttempts count: Int) -> Interval? {
        let pauses = Limits.webhookPauses
        return count >= 1 && count <= pauses.count ? pauses[count - 1] : nil
    }
}

/// Tells one server of what happens, one thing after the other.
actor Webhook {
    typealias Post = @Sendable (_ url: String, _ body: [UInt8]) async -> WebhookAnswer
    typealias Pause = @Sendable (Interval) async -> Void

    private struct Message {
        let event: Settings.Event
        let body: [UInt8]
    }

    let settings: Settings.Webhook
    private let post: Post
    private let pause: Pause
    private let counters: AutomationCounters
    private let logger: Logger
    private var queue: [Message] = []
    private var isSending = false
    private var isStopped = false

    init(
        _ settings: Settings.Webhook, counters: AutomationCounters, logger: Logger,
        pause: @escaping Pause = { try? await Task.sleep(for: .nanoseconds($0.nanoseconds)) },
        post: @escaping Post
    ) {
        self.settings = settings
        self.counters = counters
        var logger = logger
        // Without what may be secret in it: what follows the host.
        logger[metadataKey: "webhook"] = "\(Self.origin(of: settings.url))"
        self.logger = logger
        self.pause = pause
        self.post = post
    }

    /// Takes a message, to be sent when those before it are. Does not wait for the server.
    func tell(_ event: Settings.Event, _ body: [UInt8]) {
        guard settings.events.contains(event), !isStopped else { return }
        if queue.count >= Limits.webhookMessagesMax {
            let oldest = queue.removeFirst()
            counters.count(.webhooks, oldest.event.rawValue, "dropped")
            logger.warning("a webhook message was dropped: too many were waiting")
        }
        queue.append(Message(event: event, body: body))
        guard !isSending else { return }
        isSending = true
        Task { await sendAll() }
    }

    /// Sends nothing more.
    func stop() {
        isStopped = true
        queue = []
    }

    private func sendAll() async {
        while !queue.isEmpty {
            let message = queue.removeFirst()
            await send(message)
        }
        isSending = false
    }

    private func send(_ message: Message) async {
        for attempt in 1... {
            switch await post(settings.url, message.body) {
            case .taken:
                counters.count(.webhooks, message.event.rawValue, "ok")
                return
            case .refused(let status):
                counters.count(.webhooks, message.event.rawValue, "refused")
                logger.warning("a webhook was refused with status \(status)")
                return
            case .failed(let reason):
                guard let time = WebhookAnswer.pause(afterAttempts: attempt), !isStopped else {
                    counters.count(.webhooks, message.event.rawValue, "failed")
                    logger.warning("a webhook is given up: \(reason)")
                    return
                }
                logger.info("a webhook failed, and is tried again: \(reason)")
                await pause(time)
            }
        }
    }

    /// `https://host:port` of a URL.
    static func origin(of url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return "" }
        let rest = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = rest.lastIndex(of: "@").map { rest[rest.index(after: $0)...] } ?? rest
        return String(url[..<scheme.upperBound] + host)
    }
}

extension WebPost {
    /// One attempt to tell a server.
    func tell(_ url: String, _ body: [UInt8]) async -> WebhookAnswer {
        do throws(WebError) {
            return WebhookAnswer(status: try await post(body, to: url, type: "application/json"))
        } catch {
            var reason = "\(error)"
            if case .privateAddress = error {
                reason += ", \(Settings.Network.allowingPrivateURLs)"
            }
            return .failed(reason: reason.cut(toBytes: Limits.webhookReasonBytesMax))
        }
    }
}

extension TorrentRow {
    /// What a webhook tells: the event, when, and the torrent.
    func webhookBody(_ event: Settings.Event, time: Int64) -> [UInt8] {
        let torrent: JSON = [
            "id": .integer(id.rawValue), "infoHash": .string("\(infoHash)"),
            "name": .string(name), "folder": .string(folder), "state": .string(state.rawValue),
            "category": category.map { .string($0) } ?? .null,
            "labels": .array(labels.map { .string($0) }),
            "length": content.map { .integer($0.length) } ?? .null,
            "bytesWanted": .integer(bytesWanted), "bytesDone": .integer(bytesDone),
            "downloaded": .integer(downloaded), "uploaded": .integer(uploaded),
            "ratio": ratio.map { .number($0) } ?? .null,
            "added": .integer(added), "completed": completed.map { .integer($0) } ?? .null,
            "secondsSeeding": .integer(secondsSeeding), "isPrivate": .bool(isPrivate),
        ]
        let message: JSON = [
            "event": .string(event.rawValue), "time": .integer(time), "torrent": torrent,
        ]
        return Array(message.text.utf8)
    }
}
