import Hashing
import Logging
import NIOCore
import Synchronization
import Testing
import Tracker
import Units

@testable import Discovery

/// Two of us on one host, who hear each other through its interfaces.
@Suite struct LocalDiscoveryTests {
    private static let seeds = Atomic<UInt64>(1)

    private static func make(
        _ found: Happenings<(SHA1Digest, Endpoint)>,
        _ change: (inout LocalDiscovery.Configuration) -> Void = { _ in }
    ) -> LocalDiscovery {
        var configuration = LocalDiscovery.Configuration()
        configuration.usesEveryInterface = true
        change(&configuration)
        return LocalDiscovery(
            configuration, on: testLoop(),
            seed: seeds.add(1, ordering: .relaxed).newValue << 32 | UInt64(run),
            logger: Logger(label: "test"), found: { found.add(($0, $1)) })
    }

    private static let run = UInt32.random(in: 0 ... .max)

    /// New for each run, for other runs on this host are heard too.
    private static func infoHash() -> SHA1Digest {
        .hash((0..<20).map { _ in UInt8.random(in: 0...255) })
    }

    @Test(.timeLimit(.minutes(10)))
    func twoOfUsOnOneHostFindEachOtherByTheTorrentThatBothHave() async throws {
        let (first, second) = (
            Happenings<(SHA1Digest, Endpoint)>(), Happenings<(SHA1Digest, Endpoint)>()
        )
        let (both, alone) = (Self.infoHash(), Self.infoHash())
        let one = Self.make(first)
        let other = Self.make(second)
        one.announce(both, port: 1_111)
        one.announce(alone, port: 1_111)
        other.announce(both, port: 2_222)
        await one.start()
        await other.start()
        let heard = await first.first(1)
        #expect(heard.allSatisfy { $0.0 == both && $0.1.port == 2_222 })
        let answered = await second.first(1)
        #expect(answered.allSatisfy { $0.0 == both && $0.1.port == 1_111 })
        #expect(await one.counters.openSockets > 0)
        await one.shutdown()
        await other.shutdown()
        #expect(await one.counters.openSockets == 0)
    }

    @Test(.timeLimit(.minutes(10)))
    func aTorrentThatComesLaterIsAnnouncedAndOneThatWasWithdrawnIsNot() async throws {
        let found = Happenings<(SHA1Digest, Endpoint)>()
        let listener = Self.make(found)
        let speaker = Self.make(Happenings())
        let (kept, gone) = (Self.infoHash(), Self.infoHash())
        for infoHash in [kept, gone] { listener.announce(infoHash, port: 1) }
        await listener.start()
        await speaker.start()
        speaker.announce(gone, port: 3_333)
        speaker.announce(kept, port: 3_333)
        speaker.withdraw(gone)
        let heard = await found.first(1)
        #expect(heard.allSatisfy { $0.0 == kept })
        await listener.shutdown()
        await speaker.shutdown()
    }

    @Test func onlyTheInterfaceWithTheAddressToBindIsUsed() throws {
        func device(_ name: String, _ address: String, _ index: Int, _ multicast: Bool = true)
            throws -> NIONetworkDevice
        {
            let place = try SocketAddress(ipAddress: address, port: 0)
            return NIONetworkDevice(
                name: name, address: place, netmask: nil, broadcastAddress: nil,
                pointToPointDestinationAddress: place, multicastSupported: multicast,
                interfaceIndex: index)
        }
        let devices = try [
            device("lo", "127.0.0.1", 1, false), device("eth0", "10.0.0.1", 2),
            device("eth0", "10.1.0.1", 2), device("eth0", "fe80::1", 2),
            device("eth1", "192.168.0.1", 3), device("eth1", "fd00::1", 3),
        ]
        func names(_ address: String?, _ usesEvery: Bool = false) -> Set<String> {
            let links = LocalLink.all(
                among: devices, bindAddress: address, usesEveryInterface: usesEvery)
            return Set(links.map { "\($0.name) \($0.address.addressText)" })
        }
        #expect(names(nil) == ["eth0 10.0.0.1", "eth1 192.168.0.1", "eth1 fd00::1"])
        #expect(names(nil, true).count == 4)
        #expect(names("192.168.0.1") == ["eth1 192.168.0.1"])
        #expect(names("fd00::1") == ["eth1 fd00::1"])
        #expect(names("10.1.0.1") == ["eth0 10.1.0.1"])
        #expect(names("127.0.0.1") == [])
    }
}
