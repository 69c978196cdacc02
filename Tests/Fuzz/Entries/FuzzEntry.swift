/// A parser or machine that strangers feed, as a function of bytes: what the fuzzer drives, and
/// what the tests replay the corpora with. Each has a folder of its name in Fixtures/Corpora.
public enum FuzzEntry: String, CaseIterable, Sendable {
    case bencode
    case metainfo
    case magnet
    case peerwire
    case httptracker
    case udptracker
    case pex
    case lsd
    case krpc
    case dhtnode
    case metadata
    case hashes

    /// Does what a client would do with `bytes`. A trap is a fault found; so is a property that
    /// does not hold, which is returned in words.
    public func run(_ bytes: [UInt8]) -> String? {
        do throws(BrokenProperty) {
            switch self {
            case .bencode: try BencodeFuzz.run(bytes)
            case .metainfo: try MetainfoFuzz.run(bytes)
            case .magnet: try MagnetFuzz.run(bytes)
            case .peerwire: try PeerWireFuzz.run(bytes)
            case .httptracker: try HTTPTrackerFuzz.run(bytes)
            case .udptracker: try UDPTrackerFuzz.run(bytes)
            case .pex: try PeerExchangeFuzz.run(bytes)
            case .lsd: try LocalAnnounceFuzz.run(bytes)
            case .krpc: try KRPCFuzz.run(bytes)
            case .dhtnode: try DHTNodeFuzz.run(bytes)
            case .metadata: try MetadataFuzz.run(bytes)
            case .hashes: try HashesFuzz.run(bytes)
            }
            return nil
        } catch {
            return error.text
        }
    }
}

/// Something that must hold for all inputs, and did not.
struct BrokenProperty: Error {
    let text: String
}

func require(_ holds: Bool, _ text: @autoclosure () -> String) throws(BrokenProperty) {
    guard holds else { throw BrokenProperty(text: text()) }
}

/// The input as a script: first bytes decide, the rest is data.
struct Script {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    /// The next byte, 0 at the end.
    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func bytes(_ count: Int) -> ArraySlice<UInt8> {
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return taken
    }
}
