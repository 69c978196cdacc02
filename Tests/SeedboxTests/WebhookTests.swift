import Discovery
import Hashing
import JSONText
import Logging
import Synchronization
import Testing
import Units

@testable import Seedbox

@Suite struct WebhookTests {
    private final class Server: Sendable {
        struct State {
            var answers: [WebhookAnswer] = []
            var bodies: [String] = []
            var pauses: [Interval] = []
        }

        let state = Mutex(State())

        init(_ answers: [WebhookAnswer]) { state.withLock { $0.answers = answers } }

        func post(_ body: [UInt8]) -> WebhookAnswer {
            state.withLock { state in
                state.bodies.append(String(decoding: body, as: UTF8.self))
                return state.answers.isEmpty ? .taken : state.answers.removeFirst()
            }
        }
    }

    private let counters = AutomationCounters()

    private func webhook(
        _ server: Server, events: Set<Settings.Event> = Set(Settings.Event.allCases)
    ) -> Webhook {
        var settings = Settings.Webhook(url: "https://user:word@example.org:8443/secret?key=1")
        settings.events = events
        return Webhook(
            settings, counters: counters,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            pause: { time in server.state.withLock { $0.pauses.append(time) } },
            post: { _, body in server.post(body) })
    }

    private func count(_ result: String) -> Int {
        var page = Exposition()
        counters.write(into: &page)
        for line in page.text.split(separator: "\n") where line.contains("result=\"\(result)\"") {
            return line.split(separator: " ").last.flatMap { Int($0) } ?? -1
        }
        return 0
    }

    @Test func messagesAreSentInTheirOrder() async throws {
        let server = Server([])
        let webhook = webhook(server)
        for number in 0..<5 { await webhook.tell(.added, Array("\(number)".utf8)) }
        try await eventually("all are sent") { count("ok") == 5 }
        #expect(server.state.withLock { $0.bodies } == ["0", "1", "2", "3", "4"])
    }

    @Test func onlyWhatWasAskedForIsTold() async throws {
        let server = Server([])
        let webhook = webhook(server, events: [.completed])
        await webhook.tell(.added, [1])
        await webhook.tell(.completed, Array("c".utf8))
        try await eventually("it is sent") { count("ok") == 1 }
        #expect(server.state.withLock { $0.bodies } == ["c"])
    }

    @Test func whatFailsIsTriedAgainLessAndLessOftenAndThenGivenUp() async throws {
        let server = Server(Array(repeating: .failed(reason: "down"), count: 100))
        await webhook(server).tell(.added, [1])
        try await eventually("it is given up") { count("failed") == 1 }
        let state = server.state.withLock { $0 }
        #expect(state.bodies.count == Limits.webhookPauses.count + 1)
        #expect(state.pauses == Limits.webhookPauses)
        #expect(state.pauses == state.pauses.sorted())
    }

    @Test func whatIsRefusedIsNotTriedAgain() async throws {
        let server = Server([.refused(status: 404)])
        await webhook(server).tell(.added, [1])
        try await eventually("it is refused") { count("refused") == 1 }
        #expect(server.state.withLock { $0.bodies.count } == 1)
    }

    @Test(arguments: [
        (200 as UInt, WebhookAnswer.taken), (204, .taken), (404, .refused(status: 404)),
        (302, .refused(status: 302)),
    ])
    func anAnswerSaysWhetherToTryAgain(status: UInt, answer: WebhookAnswer) {
        #expect(WebhookAnswer(status: status) == answer)
    }

    @Test(arguments: [408 as UInt, 429, 500, 503])
    func aServerInTroubleIsAskedAgain(status: UInt) {
        guard case .failed = WebhookAnswer(status: status) else {
            Issue.record("\(status) is given up at once")
            return
        }
    }

    @Test func theOldestMakesRoom() async throws {
        let gate = Shared(false)
        let server = Server([])
        let webhook = Webhook(
            Settings.Webhook(url: "http://example.org/"), counters: counters,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            pause: { _ in },
            post: { _, body in
                while !gate.value { try? await Task.sleep(for: .milliseconds(2)) }
                return server.post(body)
            })
        let count = Limits.webhookMessagesMax + 10
        for number in 0..<count { await webhook.tell(.added, Array("\(number)".utf8)) }
        gate.change { $0 = true }
        try await eventually("the last is sent") {
            server.state.withLock { $0.bodies.last } == "\(count - 1)"
        }
        #expect(server.state.withLock { $0.bodies.count } <= Limits.webhookMessagesMax + 1)
    }

    @Test func theMessageHoldsWhatTheTorrentIs() throws {
        var row = TorrentRow(
            id: TorrentID(3), infoHash: InfoHash(v1: .zero), name: "a \"name\"\n", folder: "/d",
            state: .seeding, added: 9)
        row.labels = ["x"]
        let message = try JSON(parsing: row.webhookBody(.seedingDone, time: 11))
        #expect(message["event"]?.string == "seeding-done")
        #expect(message["time"]?.integer == 11)
        #expect(message["torrent"]?["name"]?.string == "a \"name\"\n")
        #expect(message["torrent"]?["id"]?.integer == 3)
    }

    @Test func theLogSaysTheServerAndNotTheSecret() {
        #expect(
            Webhook.origin(of: "https://user:word@example.org:8443/secret?key=1")
                == "https://example.org:8443")
        #expect(Webhook.origin(of: "nonsense") == "")
    }

    @Test("R9 a webhook to this machine is refused unless it is allowed")
    func nearServersAreNotTold() async throws {
        try await withLocalServer { url, requests in
            let guarded = WebPost(mayBeNear: false, timeMax: .seconds(10))
            guard case .failed = await guarded.tell(url, Array("1".utf8)) else {
                Issue.record("this machine was told")
                return
            }
            #expect(requests() == [])
            await guarded.shutdown()
            let open = WebPost(mayBeNear: true, timeMax: .seconds(10))
            #expect(await open.tell(url, Array("2".utf8)) == .taken)
            #expect(requests() == ["2"])
            await open.shutdown()
        }
    }
}
