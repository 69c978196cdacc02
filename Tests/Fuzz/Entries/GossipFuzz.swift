import NIOCore
import PeerWire
import Tracker
import Units

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

/// A local announce: what was taken is the same once written and read again.
enum LocalAnnounceFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        var machine = LocalAnnounceMachine(seed: 1)
        var actions = ActionBuffer<LocalAnnounceMachine.Action>()
        let neighbour = Endpoint(ipv4: 0x0A00_0001, port: 6771)
        guard let read = try? LocalAnnounce(parsing: bytes) else {
            machine.receive(bytes, from: neighbour, now: .zero, into: &actions)
            try require(actions.isEmpty, "what is no announce was heeded")
            return
        }
        try require(read.port != 0, "port 0")
        for infoHash in read.infoHashes { machine.add(infoHash, port: 1, now: .zero) }
        machine.receive(bytes, from: neighbour, now: .zero, into: &actions)
        try require(actions.count == read.infoHashes.count, "not every torrent was found")
        for group in LocalAnnounce.Group.allCases {
            let written = read.encoded(for: group)
            try require(written.count <= 1_400, "\(written.count) bytes")
            let again = try? LocalAnnounce(parsing: written)
            let kept = read.infoHashes.prefix(24)
            try require(again?.infoHashes == Array(kept), "writing has changed the info-hashes")
            try require(again?.port == read.port, "writing has changed the port")
        }
    }
}
