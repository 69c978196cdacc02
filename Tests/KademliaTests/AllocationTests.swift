import Glibc
import Testing
import Units

@testable import Kademlia

/// What is done for every packet of a stranger must not allocate.
///
/// A thread's first allocation gives it a cache of its own, and comes from memory that was not in
/// use, so in a thread that is new the count of bytes in use grows with any allocation, also with
/// one that is freed at once. Other threads change the count too, so it is tried until a try is
/// undisturbed; if every try allocates, none is.
@Suite(.serialized, .enabled(if: bytesInUse() > 0, "the C library does not tell"))
struct AllocationTests {
    /// SAFETY: only the thread that was started with it uses it, until that was joined.
    private final class Run: @unchecked Sendable {
        var node: DHTNode
        var output = DHTOutput()
        let packets: [[UInt8]]
        let sender = Endpoint(ipv4: 0x0C00_0001, port: 6881)
        var growth = Int.max
        var allocates = false
        private var scratch: [UInt8] = []

        init(node: DHTNode, packets: [[UInt8]]) {
            self.node = node
            self.packets = packets
        }

        func receiveAll() {
            // Loops over a collection allocate where nothing is optimized.
            var index = 0
            while index < packets.count {
                packets[index].withUnsafeBytes {
                    node.receive($0, from: sender, now: .zero, into: &output)
                }
                output.removeAll()
                index += 1
            }
            if allocates { scratch = [UInt8](repeating: 1, count: 100 + scratch.count % 2) }
        }
    }

    private static func isFreeOfAllocations(_ run: Run) -> Bool {
        run.receiveAll()
        for _ in 0..<(run.allocates ? 20 : 500) {
            var thread = pthread_t()
            let argument = Unmanaged.passRetained(run).toOpaque()
            let status = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    let run = Unmanaged<Run>.fromOpaque(argument).takeRetainedValue()
                    let before = bytesInUse()
                    run.receiveAll()
                    run.growth = bytesInUse() - before
                    return nil
                }, argument)
            guard status == 0 else { return false }
            pthread_join(thread, nil)
            if run.growth == 0 { return true }; if !run.allocates { print("growth", run.growth) }
        }
        return false
    }

    private static func node() -> DHTNode {
        var generator = SeededGenerator(seed: 1)
        var configuration = DHTNode.Configuration(using: &generator)
        configuration.limits.isOff = true
        configuration.isMaintained = false
        var node = DHTNode(configuration, seed: 1)
        node.adopt(
            (0..<500).map {
                NodeContact(
                    id: .random(using: &generator),
                    endpoint: Endpoint(ipv4: 0x0D00_0001 + UInt32($0) << 8, port: 6881))
            }, now: .zero)
        return node
    }

    @Test func answeringPingsAllocatesNothing() {
        let ping = Array("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe".utf8)
        let run = Run(node: Self.node(), packets: [[UInt8]](repeating: ping, count: 20))
        #expect(Self.isFreeOfAllocations(run))
        #expect(run.node.counters.repliesSent >= 40)
    }

    @Test func answeringFindNodeAllocatesNothing() {
        var generator = SeededGenerator(seed: 2)
        let packets = (0..<20).map { _ in
            Array("d1:ad2:id20:abcdefghij01234567896:target20:".utf8)
                + NodeID.random(using: &generator).bytes
                + Array("e1:q9:find_node1:t2:aa1:y1:qe".utf8)
        }
        let run = Run(node: Self.node(), packets: packets)
        #expect(Self.isFreeOfAllocations(run))
        #expect(run.node.counters.repliesSent >= 40)
    }

    /// The instrument itself: what allocates is seen, however short its life.
    @Test func whatAllocatesIsSeen() {
        let run = Run(node: Self.node(), packets: [])
        run.allocates = true
        #expect(!Self.isFreeOfAllocations(run))
    }
}

// A structure of ten words is returned where the first argument points to, which is how this
// processor's calling convention returns one.
private typealias MallocInformation =
    @convention(c) (UnsafeMutablePointer<Int>) -> UnsafeMutablePointer<Int>

/// `mallinfo2`, where it is known how to call it. Looking for it allocates.
private let mallocInformation: MallocInformation? = {
    #if arch(x86_64)
        // SAFETY: that is the function's type, as above.
        return dlsym(nil, "mallinfo2").map { unsafeBitCast($0, to: MallocInformation.self) }
    #else
        return nil
    #endif
}()

/// The bytes that the C library has given out, 0 where that cannot be asked for.
private func bytesInUse() -> Int {
    guard let mallocInformation else { return 0 }
    return withUnsafeTemporaryAllocation(of: Int.self, capacity: 10) { words in
        words.baseAddress.map { mallocInformation($0)[7] } ?? 0
    }
}
