/// The extensions that we know (BEP 10). The raw value is the id that we give to each in our own
/// extension handshake, so it is the id that peers use towards us.
public enum ExtensionID: UInt8, CaseIterable, Sendable {
    /// Metadata exchange (BEP 9).
    case metadata = 1
    /// Peer exchange (BEP 11).
    case peerExchange = 2
    /// A piece is gone (BEP 54).
    case dontHave = 3
    /// Whether the peer downloads (BEP 21, as a message).
    case uploadOnly = 4
    /// Hole punching (BEP 55).
    case holepunch = 5

    /// The name in the dictionary `m`.
    public var name: String {
        switch self {
        case .metadata: "ut_metadata"
        case .peerExchange: "ut_pex"
        case .dontHave: "lt_donthave"
        case .uploadOnly: "upload_only"
        case .holepunch: "ut_holepunch"
        }
    }
}

/// The dictionary `m` of an extension handshake: which ids a client takes messages under.
public struct ExtensionIDs: Hashable, Sendable {
    /// The id of the extension with raw value n is byte n.
    private var packed: UInt64 = 0
    /// Bit n: the extension with raw value n is mentioned.
    private var mentioned: UInt8 = 0

    /// Nothing is mentioned.
    public init() {}

    /// What we give out: the raw values.
    public init(ours extensions: some Sequence<ExtensionID>) {
        for known in extensions { self[known] = known.rawValue }
    }

    /// All that we know, under our ids.
    public static let ours = ExtensionIDs(ours: ExtensionID.allCases)

    /// The id; 0 if the extension was turned off, `nil` if nothing was said about it.
    public subscript(_ known: ExtensionID) -> UInt8? {
        get {
            guard mentioned & bit(known) != 0 else { return nil }
            return UInt8(truncatingIfNeeded: packed >> shift(known))
        }
        set {
            packed &= ~(0xFF << shift(known))
            mentioned &= ~bit(known)
            guard let newValue else { return }
            packed |= UInt64(newValue) << shift(known)
            mentioned |= bit(known)
        }
    }

    /// The id to send under; `nil` if the peer does not take such messages.
    public func sendingID(of known: ExtensionID) -> UInt8? {
        guard let id = self[known], id != 0 else { return nil }
        return id
    }

    /// Later handshakes only name what changes (BEP 10).
    public mutating func merge(_ later: ExtensionIDs) {
        for known in ExtensionID.allCases {
            if let id = later[known] { self[known] = id }
        }
    }

    private func bit(_ known: ExtensionID) -> UInt8 { 1 << known.rawValue }
    private func shift(_ known: ExtensionID) -> UInt64 { UInt64(known.rawValue) * 8 }
}

extension ExtensionIDs: CustomStringConvertible {
    public var description: String {
        let parts = ExtensionID.allCases.compactMap { known in
            self[known].map { "\(known.name)=\($0)" }
        }
        return parts.joined(separator: " ")
    }
}
