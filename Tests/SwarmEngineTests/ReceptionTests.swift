import NIOPosix
import Testing
import Transport
import Units

@testable import SwarmEngine

@Suite struct ReceptionTests {
    private let counters: SessionCounters
    private let reception: Reception

    init() {
        let directory = TorrentDirectory()
        counters = SessionCounters()
        reception = Reception(
            directory: directory, sleepers: Sleepers(directory),
            network: PeerNetwork(
                group: MultiThreadedEventLoopGroup.singleton, bindAddress: nil),
            counters: counters)
    }

    private func admitted(_ count: UInt32, _ address: (UInt32) -> UInt32) -> Int {
        (0..<count).count { number in
            reception.admits(
                Endpoint(ipv4: address(number), port: 6881), as: UInt64(number))
        }
    }

    @Test("W19 one address or subnet that connects again and again is not let in")
    func w19OneSubnet() {
        #expect(admitted(5_000) { _ in 0x0808_0808 } <= 16)
        #expect(admitted(5_000) { 0x0909_0900 | $0 & 0xFF } <= 16)
        // Others are.
        #expect(admitted(20) { 0x0101_0101 &+ $0 << 16 } == 20)
    }

    @Test("W19 connections come in at a bounded rate, from wherever they are")
    func w19Everywhere() {
        let taken = admitted(5_000) { 0x0101_0101 &+ $0 << 12 }
        #expect((50...500).contains(taken))
        #expect(counters.handshakeFailures == [.refused: Int64(5_000 - taken)])
    }
}
