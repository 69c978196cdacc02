import Bencode
import Glibc
import Kademlia
import Units

/// What a node of the DHT remembers between runs: its ids, and nodes to begin with.
struct DHTState: Equatable, Sendable {
    var id: NodeID
    var id6: NodeID
    var contacts: [NodeContact] = []

    init(id: NodeID, id6: NodeID, contacts: [NodeContact] = []) {
        self.id = id
        self.id6 = id6
        self.contacts = contacts
    }

    /// `nil` if the bytes are not what `encoded` writes.
    init?(_ bytes: [UInt8]) {
        let limits = BencodeLimits(
            byteCountMax: Limits.dhtStateByteCountMax, depthMax: 2, tokenCountMax: 64)
        guard let root = try? BencodeDocument(bytes, limits: limits).root,
            let id = root["id"]?.bytes.flatMap({ NodeID(bytes: $0) }),
            let id6 = root["id6"]?.bytes.flatMap({ NodeID(bytes: $0) }),
            let nodes = Self.contacts(root["nodes"], NodeContact.compactIPv4ByteCount),
            let nodes6 = Self.contacts(root["nodes6"], NodeContact.compactIPv6ByteCount)
        else { return nil }
        self.init(id: id, id6: id6, contacts: nodes + nodes6)
    }

    private static func contacts(_ value: BencodeValue?, _ size: Int) -> [NodeContact]? {
        guard let bytes = value?.bytes, bytes.count.isMultiple(of: size) else { return nil }
        return bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: size).compactMap { start in
                NodeContact(compact: UnsafeRawBufferPointer(rebasing: bytes[start..<start + size]))
            }
        }
    }

    func encoded() -> [UInt8] {
        let contacts = contacts.prefix(Limits.dhtSavedNodesMax)
        let nodes = contacts.filter(\.endpoint.isIPv4).flatMap(\.compactBytes)
        let nodes6 = contacts.filter { !$0.endpoint.isIPv4 }.flatMap(\.compactBytes)
        let root: Bencode = [
            "id": .bytes(id.bytes), "id6": .bytes(id6.bytes), "nodes": .bytes(nodes),
            "nodes6": .bytes(nodes6),
        ]
        return root.encoded()
    }

    // MARK: The file

    /// What was saved; `nil` if there is nothing, or nothing that can be read. Blocks.
    static func load(_ path: String) -> DHTState? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Limits.dhtStateByteCountMax + 1)
        var count = 0
        while count < bytes.count {
            let read = bytes[count...].withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if read < 0, errno == EINTR { continue }
            guard read > 0 else { break }
            count += read
        }
        return DHTState(Array(bytes.prefix(count)))
    }

    /// Replaces what was saved, or leaves it as it was. Blocks.
    ///
    /// - Returns: 0, or the `errno` of what failed.
    func save(_ path: String) -> Int32 {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return errno }
        var failure = Self.write(encoded(), to: descriptor)
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        close(descriptor)
        if failure == 0, rename(draft, path) != 0 { failure = errno }
        if failure != 0 { unlink(draft) }
        return failure
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return errno
            }
        }
        return 0
    }
}
