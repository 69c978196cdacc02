import Foundation
import Synchronization
import Testing
import Tracker
import Units

@testable import Discovery

private let address = Endpoint(ipv4: 0xC000_0201, port: 0)

@Suite(.timeLimit(.minutes(10))) struct NameResolverTests {
    @Test func remembersAddresses() async throws {
        let asked = Happenings<String>()
        let resolver = NameResolver { host in
            asked.add(host)
            return host == "a" ? [address] : nil
        }
        for _ in 0..<3 { #expect(try await resolver.addresses(of: "a") == [address]) }
        for _ in 0..<3 {
            await #expect(throws: TrackerError.nameNotFound("b")) {
                try await resolver.addresses(of: "b")
            }
        }
        #expect(asked.all == ["a", "b"])
        await resolver.shutdown()
    }

    @Test func takesAnAddressForItself() async throws {
        let resolver = NameResolver { _ in nil }
        #expect(try await resolver.addresses(of: "192.0.2.1") == [address])
        #expect(
            try await resolver.addresses(of: "2001:db8::1")
                == [Endpoint("[2001:db8::1]:0")].compactMap(\.self))
        await resolver.shutdown()
    }

    @Test func oneLookUpServesAllWhoWait() async throws {
        let asked = Happenings<String>()
        let gate = DispatchSemaphore(value: 0)
        let resolver = NameResolver { host in
            asked.add(host)
            gate.wait()
            return [address]
        }
        let tasks = (0..<10).map { _ in Task { try await resolver.addresses(of: "a") } }
        _ = await asked.first(1)
        gate.signal()
        for task in tasks { #expect(try await task.value == [address]) }
        #expect(asked.all == ["a"])
        await resolver.shutdown()
    }

    @Test func doesNotWaitForASilentNameServer() async throws {
        let gate = DispatchSemaphore(value: 0)
        let asked = Happenings<String>()
        let resolver = NameResolver(timeMax: .milliseconds(20)) { host in
            asked.add(host)
            if host == "slow" { gate.wait() }
            return [address]
        }
        await #expect(throws: TrackerError.timedOut) {
            try await resolver.addresses(of: "slow")
        }
        // Others are not held up, and the answer counts when it comes.
        var found: [Endpoint]?
        try await eventually {
            found = try? await resolver.addresses(of: "fast")
            return found == [address]
        }
        gate.signal()
        await resolver.shutdown()
    }

    @Test func aWaitCanBeCancelled() async throws {
        let gate = DispatchSemaphore(value: 0)
        let asked = Happenings<String>()
        let resolver = NameResolver { host in
            asked.add(host)
            gate.wait()
            return [address]
        }
        let task = Task { try await resolver.addresses(of: "a") }
        _ = await asked.first(1)
        task.cancel()
        await #expect(throws: TrackerError.cancelled) { try await task.value }
        // Nor does shutting down wait for the system.
        await resolver.shutdown()
        gate.signal()
    }

    @Test func asksTheSystem() {
        let addresses = systemLookUp("localhost") ?? []
        #expect(addresses.contains(Endpoint(ipv4: 0x7F00_0001, port: 0)))
        #expect(addresses.allSatisfy { $0.isLoopback })
        #expect(Set(addresses).count == addresses.count)
        #expect(systemLookUp("name.invalid") == nil)
    }
}
