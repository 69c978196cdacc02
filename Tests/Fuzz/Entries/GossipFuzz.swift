import NIOCore
import PeerWire

/// A peer exchange message: what was taken is bounded, and the same once written and read again.
enum PeerExchangeFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        guard let read = try? PeerExchangeMessage(parsing: ByteBuffer(bytes: bytes)) else { return }
        let most = Limits.peerExchangeContactsMax
        try require(read.added.count <= most, "\(read.added.count) contacts were added")
        try require(read.dropped.count <= most, "\(read.dropped.count) contacts were dropped")
        guard let again = try? PeerExchangeMessage(parsing: read.encoded()) else {
            throw BrokenProperty(text: "what was written is not read again")
        }
        try require(again.faultCount == 0, "faults in what was written")
        // IPv4 in the clothes of IPv6 is written as what it is, so the order may change.
        try require(Set(again.added) == Set(read.added), "writing has changed who was added")
        try require(Set(again.dropped) == Set(read.dropped), "writing has changed who was dropped")
    }
}
