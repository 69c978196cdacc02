import NIOCore
import Synchronization
import Testing
import Tracker
import Units

@testable import Discovery

private let loopback4 = Endpoint(ipv4: 0x7F00_0001, port: 0)
private let loopback6 = Endpoint(ipv6High: 0, low: 1, port: 0)

/// Takes the datagrams that begin with a byte.
private final class Collector: DatagramReceiver {
    let beginning: UInt8
    let taken = Happenings<([UInt8], Endpoint)>()

    init(beginning: UInt8) { self.beginning = beginning }

    func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool {
        let bytes = Array(datagram)
        guard bytes.first == beginning else { return false }
        taken.add((bytes, sender))
        return true
    }
}

/// Does something on a socket's loop every 20 milliseconds, until it is called off: what is sent
/// while a socket cannot take it is lost.
private func again(
    _ socket: UDPSocket, _ body: @escaping @Sendable () -> Void
) -> Task<Void, Never> {
    Task {
        while !Task.isCancelled {
            socket.loop.execute(body)
            try? await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Sends every datagram back.
private final class Echo: DatagramReceiver {
    let socket: UDPSocket

    init(_ socket: UDPSocket) { self.socket = socket }

    func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool {
        socket.write(datagram, to: sender)
        return true
    }
}

/// A tracker that answers each datagram by a closure.
final class TestUDPTracker: DatagramReceiver {
    let socket: UDPSocket
    let packets = Happenings<[UInt8]>()
    private let answer: @Sendable ([UInt8]) -> [UInt8]?

    var port: UInt16 { socket.localEndpoint.port }

    init(
        at endpoint: Endpoint = loopback4, _ answer: @escaping @Sendable ([UInt8]) -> [UInt8]?
    ) async throws {
        self.answer = answer
        socket = try await UDPSocket.bind(to: endpoint)
        await socket.add(self)
    }

    func receive(
        _ datagram: UnsafeRawBufferPointer, from sender: Endpoint, now: Instant
    ) -> Bool {
        let packet = Array(datagram)
        packets.add(packet)
        if let reply = answer(packet) { socket.write(reply, to: sender) }
        return true
    }

    func stop() async { await socket.close() }

    /// What a tracker says that knows one peer.
    static func reply(to packet: [UInt8], peer: [UInt8] = [127, 0, 0, 1, 0, 9]) -> [UInt8]? {
        guard packet.count >= 16 else { return nil }
        let head = Array(packet[8..<16])
        switch head[3] {
        case 0: return head + Array(repeating: 0xC1, count: 8)
        case 1: return head + [0, 0, 7, 8, 0, 0, 0, 5, 0, 0, 0, 6] + peer
        case 2: return head + [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]
        default: return nil
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct UDPSocketTests {
    @Test(arguments: [loopback4, loopback6])
    func givesEachDatagramToTheFirstWhoTakesIt(address: Endpoint) async throws {
        let socket = try await UDPSocket.bind(to: address)
        let sender = try await UDPSocket.bind(to: address)
        #expect(socket.localEndpoint.port != 0)
        #expect(socket.localEndpoint.address == address.address)
        let first = Collector(beginning: 1)
        let second = Collector(beginning: 2)
        let third = Collector(beginning: 2)
        for receiver in [first, second, third] { await socket.add(receiver) }
        sender.loop.execute {
            for bytes: [UInt8] in [[2, 7], [3], [], [1, 8], [1, 9]] {
                sender.write(bytes, to: socket.localEndpoint)
            }
            sender.flush()
        }
        let ones = await first.taken.first(2)
        let twos = await second.taken.first(1)
        #expect(ones.map(\.0) == [[1, 8], [1, 9]])
        #expect(twos.map(\.0) == [[2, 7]])
        #expect(ones.allSatisfy { $0.1 == sender.localEndpoint })
        #expect(third.taken.all.isEmpty)
        await socket.remove(second)
        sender.loop.execute {
            sender.write([2, 8], to: socket.localEndpoint)
            sender.flush()
        }
        #expect(await third.taken.first(1).map(\.0) == [[2, 8]])
        await socket.close()
        await sender.close()
    }

    @Test func bothFamiliesCanHaveOnePort() async throws {
        let socket4 = try await UDPSocket.bind(to: Endpoint(ipv4: 0, port: 0))
        let any6 = Endpoint(ipv6High: 0, low: 0, port: socket4.localEndpoint.port)
        let socket6 = try await UDPSocket.bind(to: any6)
        #expect(socket6.localEndpoint.port == socket4.localEndpoint.port)
        await socket4.close()
        await socket6.close()
    }

    @Test func readsDatagramsOf1500BytesWhole() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        let collector = Collector(beginning: 1)
        await socket.add(collector)
        let sent = (0..<64).map { [1, UInt8($0)] + Array(repeating: UInt8($0), count: 1498) }
        socket.loop.execute {
            for bytes in sent { socket.write(bytes, to: socket.localEndpoint) }
            socket.flush()
        }
        #expect(await collector.taken.first(64).map(\.0) == sent)
        await socket.close()
    }

    @Test("K15 what is longer than any datagram of ours is dropped, and what is empty is harmless")
    func k15() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        let collector = Collector(beginning: 1)
        await socket.add(collector)
        socket.loop.execute {
            for count in [65_507, 2_049, 0, 2_048] {
                socket.write(Array(repeating: 1, count: count), to: socket.localEndpoint)
            }
            socket.flush()
        }
        #expect(await collector.taken.first(1).map(\.0.count) == [2_048])
        await socket.close()
    }

    @Test func whatTheOtherFamilyWouldCarryIsLost() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        let collector = Collector(beginning: 1)
        await socket.add(collector)
        let port = socket.localEndpoint.port
        socket.loop.execute {
            socket.write([1, 6], to: loopback6.with(port: port))
            socket.write([1, 4], to: socket.localEndpoint)
            socket.flush()
        }
        #expect(await collector.taken.first(1).map(\.0) == [[1, 4]])
        await socket.close()
    }

    @Test func answersMoreThanOneReadBringsAndDoesNotLoseItsPlace() async throws {
        let echo = Echo(try await UDPSocket.bind(to: loopback4))
        await echo.socket.add(echo)
        let socket = try await UDPSocket.bind(to: loopback4)
        let collector = Collector(beginning: 1)
        await socket.add(collector)
        // In portions, as the system holds some hundreds for a socket and loses the rest.
        for portion in 0..<12 {
            socket.loop.execute {
                for number in 0..<100 {
                    socket.write([1, UInt8(portion), UInt8(number)], to: echo.socket.localEndpoint)
                }
                socket.flush()
            }
            _ = await collector.taken.first(100 * (portion + 1))
        }
        let numbers = collector.taken.all.map { Int($0.0[1]) * 100 + Int($0.0[2]) }
        #expect(numbers == Array(0..<1_200))
        await echo.socket.close()
        await socket.close()
    }

    @Test func sendsAgainAfterMoreWasWrittenThanItHolds() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        let collector = Collector(beginning: 1)
        await socket.add(collector)
        socket.loop.execute {
            for _ in 0..<2_000 {
                socket.write(Array(repeating: 2, count: 1_400), to: socket.localEndpoint)
            }
            socket.flush()
        }
        let repeated = again(socket) {
            socket.write([1], to: socket.localEndpoint)
            socket.flush()
        }
        _ = await collector.taken.first(1)
        repeated.cancel()
        await socket.close()
    }

    @Test func bothFamiliesOfTheMachineShareAPort() async throws {
        let sockets = try await UDPSocket.bindFamilies(address: nil, port: 0)
        #expect(sockets.map(\.localEndpoint.isIPv4) == [true, false])
        #expect(sockets[0].localEndpoint.port == sockets[1].localEndpoint.port)
        let one = try await UDPSocket.bindFamilies(address: "127.0.0.1", port: 0)
        #expect(one.map(\.localEndpoint.address) == [loopback4])
        for socket in sockets + one { await socket.close() }
    }

    @Test func opensItselfAgainWhenItBreaks() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        let sender = try await UDPSocket.bind(to: loopback4)
        let collector = Collector(beginning: 1)
        await socket.add(collector)
        await socket.broke()
        let repeated = again(sender) {
            sender.write([1], to: socket.localEndpoint)
            sender.flush()
        }
        _ = await collector.taken.first(1)
        repeated.cancel()
        await socket.close()
        await sender.close()
    }

    @Test func staysClosed() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        await socket.close()
        let again = try await UDPSocket.bind(to: socket.localEndpoint)
        #expect(again.localEndpoint == socket.localEndpoint)
        await again.close()
    }

    @Test func aPortThatIsTakenIsAnError() async throws {
        let socket = try await UDPSocket.bind(to: loopback4)
        await #expect(throws: (any Error).self) {
            try await UDPSocket.bind(to: socket.localEndpoint)
        }
        await socket.close()
    }
}

@Suite(.timeLimit(.minutes(10))) struct UDPTrackerClientTests {
    private func withUDPClient<Value>(
        _ addresses: [Endpoint] = [loopback4, loopback6], names: [String: [Endpoint]] = [:],
        _ body: (TrackerClient) async throws -> Value
    ) async throws -> Value {
        var sockets: [UDPSocket] = []
        for address in addresses {
            sockets.append(try await UDPSocket.bind(to: address))
        }
        let value = try await withClient(names: names, sockets: sockets, body)
        for socket in sockets { await socket.close() }
        return value
    }

    @Test func announcesAndScrapes() async throws {
        let tracker = try await TestUDPTracker { TestUDPTracker.reply(to: $0) }
        try await withUDPClient { client in
            let url = "udp://127.0.0.1:\(tracker.port)/announce?auth=1"
            let response = try await client.announce(url)
            #expect(response.peers == [Endpoint("127.0.0.1:9")].compactMap(\.self))
            #expect(response.counts == SwarmCounts(seeders: 6, leechers: 5))
            let counts = try await client.scrape([testHash], at: try TrackerURL(url)).counts
            #expect(counts == [testHash: SwarmCounts(seeders: 1, leechers: 3, downloads: 2)])
        }
        let packets = tracker.packets.all
        #expect(packets.count == 3, "the connection id is used again")
        #expect(packets[1].dropFirst(98) == [2, 16] + "/announce?auth=1".utf8)
        await tracker.stop()
    }

    @Test func announcesOverBothFamilies() async throws {
        let tracker4 = try await TestUDPTracker { TestUDPTracker.reply(to: $0) }
        let peer6 = loopback6.with(port: 7).compactBytes
        let tracker6 = try await TestUDPTracker(at: loopback6.with(port: tracker4.port)) {
            TestUDPTracker.reply(to: $0, peer: peer6)
        }
        let names = ["both.example": [loopback6, loopback4]]
        let found = Happenings<[Endpoint]>()
        let response = try await withUDPClient(names: names) { client in
            try await client.announce(
                testRequest(), to: try TrackerURL("udp://both.example:\(tracker4.port)"), .event
            ) { found.add($0) }
        }
        #expect(response.peers == [Endpoint("127.0.0.1:9"), loopback6.with(port: 7)])
        #expect(found.all.count == 2)
        let keys = [tracker4, tracker6].map { $0.packets.all[1][88..<92] }
        #expect(keys[0] == keys[1])
        await tracker4.stop()
        await tracker6.stop()
    }

    @Test func reportsARefusal() async throws {
        let tracker = try await TestUDPTracker { packet in
            [0, 0, 0, 3] + packet[12..<16] + Array("not here".utf8)
        }
        try await withUDPClient { client in
            let error = await client.failure(of: "udp://127.0.0.1:\(tracker.port)")
            #expect(error == .refused(reason: "not here", retry: nil))
        }
        await tracker.stop()
    }

    @Test("T12 an answer from elsewhere is not believed")
    func t12() async throws {
        let stranger = try await UDPSocket.bind(to: loopback4)
        let tracker = try await TestUDPTracker { TestUDPTracker.reply(to: $0) }
        let socket = try await UDPSocket.bind(to: loopback4)
        let silent = try await TestUDPTracker { packet in
            // The stranger answers at once what was asked of this one, which says nothing.
            let forged = packet[8..<16] + Array(repeating: 0xEE, count: 8)
            stranger.loop.execute {
                stranger.write(Array(forged), to: socket.localEndpoint)
                stranger.flush()
            }
            return nil
        }
        let collector = Collector(beginning: 0)
        try await withClient(sockets: [socket]) { client in
            // What the trackers' part of the socket does not take goes on to the next.
            await socket.add(collector)
            let url = try TrackerURL("udp://127.0.0.1:\(silent.port)")
            let task = Task { try await client.announce(testRequest(), to: url, .event) }
            let passedOn = await collector.taken.first(1)
            #expect(passedOn.first?.1 == stranger.localEndpoint)
            #expect(silent.packets.all.count == 1)
            task.cancel()
            await #expect(throws: TrackerError.cancelled) { try await task.value }
            _ = try await client.announce("udp://127.0.0.1:\(tracker.port)")
        }
        for open in [stranger, socket] { await open.close() }
        await silent.stop()
        await tracker.stop()
    }

    @Test func saysWhenThereIsNoSocketOfTheFamily() async throws {
        try await withUDPClient([loopback4]) { client in
            guard case .unreachable = await client.failure(of: "udp://[::1]:9/announce") else {
                Issue.record("not unreachable")
                return
            }
        }
    }

    @Test func whatWaitsForAnAnswerIsAskedAgainFromTheNextSocket() async throws {
        let answers = Mutex(false)
        let tracker = try await TestUDPTracker { packet in
            answers.withLock(\.self) ? TestUDPTracker.reply(to: packet) : nil
        }
        let old = try await UDPSocket.bind(to: loopback4)
        let new = try await UDPSocket.bind(to: loopback4)
        try await withClient(sockets: [old]) { client in
            let url = "udp://127.0.0.1:\(tracker.port)"
            async let response = client.announce(url)
            _ = await tracker.packets.first(1)
            answers.withLock { $0 = true }
            await client.move(to: [new])
            await old.close()
            let peers = try await response.peers
            #expect(peers.count == 1)
            let failure = await client.failure(of: url)
            #expect(failure == nil)
        }
        // Two connects, and two announces.
        #expect(tracker.packets.all.count == 4)
        await new.close()
        await tracker.stop()
    }

    @Test func endsWhatIsUnderWayWhenItIsShutDown() async throws {
        let tracker = try await TestUDPTracker { _ in nil }
        let socket = try await UDPSocket.bind(to: loopback4)
        let client = await TrackerClient(
            group: testLoops, sockets: [socket], logger: silentLogger)
        let url = try TrackerURL("udp://127.0.0.1:\(tracker.port)")
        let task = Task { try await client.announce(testRequest(), to: url, .event) }
        _ = await tracker.packets.first(1)
        await client.shutdown()
        await #expect(throws: TrackerError.cancelled) { try await task.value }
        await socket.close()
        await tracker.stop()
    }
}
