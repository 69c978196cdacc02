import Bencode
import JSONText
import Kademlia
import Units

/// What the DHT says, for people and for programs.
enum DHTText {
    static func name(_ family: AddressFamily) -> String {
        switch family {
        case .ipv4: "ipv4"
        case .ipv6: "ipv6"
        }
    }

    // MARK: - Lookups

    /// `+0.031s  12 bits  depth 2  asked  192.0.2.1:6881  5d41…`.
    static func line(_ hop: DHTHop) -> String {
        let outcome =
            switch hop.outcome {
            case .asked: "asked"
            case .answered(let nodes, let roundTrip):
                "answered in \(millisecondsText(roundTrip)) with \(countText(nodes, "node"))"
            case .failed: "no answer"
            }
        return "+\(millisecondsText(hop.time))  depth \(hop.depth)  "
            + "\(countText(hop.sharedBitCount, "bit"))  \(hop.contact.id)  "
            + "\(hop.contact.endpoint)  \(outcome)"
    }

    static func json(_ hop: DHTHop) -> JSON {
        var members: [JSON.Member] = [
            ("seconds", .number(hop.time.seconds)), ("depth", .count(hop.depth)),
            ("shared_bits", .count(hop.sharedBitCount)),
            ("id", .string("\(hop.contact.id)")),
            ("endpoint", .string("\(hop.contact.endpoint)")),
        ]
        switch hop.outcome {
        case .asked: members.append(("outcome", "asked"))
        case .failed: members.append(("outcome", "failed"))
        case .answered(let nodes, let roundTrip):
            members.append(("outcome", "answered"))
            members.append(("nodes", .count(nodes)))
            members.append(("round_trip", .number(roundTrip.seconds)))
        }
        return .object(members)
    }

    static func json(_ contact: NodeContact) -> JSON {
        ["id": .string("\(contact.id)"), "endpoint": .string("\(contact.endpoint)")]
    }

    /// `ipv4: 8 nodes, 2 hops, 14 of 19 queries answered, 230 ms`.
    static func summary(_ finding: DHTFinding) -> String {
        let result = finding.result
        return "\(name(finding.family)): \(countText(result.closest.count, "node")), "
            + "\(countText(result.hops, "hop")), \(result.answers) of "
            + "\(countText(result.queries, "query", "queries")) answered, "
            + millisecondsText(result.searchTime)
    }

    /// What a search cost and whom it ended at.
    static func json(_ finding: DHTFinding, trace: Bool) -> JSON {
        let result = finding.result
        var members: [JSON.Member] = [
            ("family", .string(name(finding.family))),
            ("nodes", .array(result.closest.map(json))), ("hops", .count(result.hops)),
            ("queries", .count(result.queries)), ("answers", .count(result.answers)),
            ("seconds", .number(result.searchTime.seconds)),
        ]
        if trace { members.append(("trace", .array(finding.hops.map(json)))) }
        return .object(members)
    }

    static func millisecondsText(_ interval: Interval) -> String {
        "\(max(0, interval.nanoseconds) / 1_000_000) ms"
    }

    // MARK: - Nodes

    /// `LT 2.1` for libtorrent's `LT` 02 01: what a node says that it is. `nil` for nothing.
    static func version(_ value: UInt32?) -> String? {
        guard let value, value != 0 else { return nil }
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
        let name = bytes.prefix(2).map { byte in
            (0x21...0x7E).contains(byte) ? String(UnicodeScalar(byte)) : "?"
        }
        return "\(name.joined()) \(bytes[2]).\(bytes[3])"
    }

    // MARK: - Items

    /// The text of a value that is a string, else its bencoding.
    static func value(_ item: DHTItem) -> String {
        text(item) ?? String(decoding: item.value, as: UTF8.self)
    }

    private static func text(_ item: DHTItem) -> String? {
        guard let bytes = try? BencodeDocument(item.value).root.bytes else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    static func json(_ item: DHTItem, at target: NodeID) -> [JSON.Member] {
        var members: [JSON.Member] = [
            ("target", .string("\(target)")), ("value", .optional(text(item))),
            ("bencoded", .string(hexText(item.value))),
        ]
        if let signed = item.signed {
            members += [
                ("key", .string("\(signed.key)")), ("sequence", .integer(signed.sequence)),
                ("signature", .string("\(signed.signature)")),
            ]
        }
        return members
    }
}
