public import Units

/// What a client says of itself in the extension handshake (BEP 10). It may be sent again, and
/// then says only what changed.
public struct ExtensionHandshake: Hashable, Sendable {
    /// The dictionary `m`.
    public var extensions: ExtensionIDs
    /// `v`: printable, at most 64 bytes of UTF-8.
    public var clientName: String?
    /// `p`: the TCP port that the client listens at; never 0.
    public var listenPort: UInt16?
    /// `reqq`: how many requests the client queues, 1 to 2,000.
    public var requestQueueMax: Int?
    /// `metadata_size` (BEP 9): bytes, 1 to 16 MiB.
    public var metadataSize: Int?
    /// `yourip`: the address that the client sees the receiver at; the port is 0.
    public var yourIP: Endpoint?
    /// `ipv4`: an address that the client has too; the port is 0.
    public var ipv4: Endpoint?
    /// `ipv6`: an address that the client has too; the port is 0.
    public var ipv6: Endpoint?
    /// `upload_only` (BEP 21): the client wants nothing, though it may not have everything.
    public var uploadOnly: Bool?

    public init(
        extensions: ExtensionIDs = ExtensionIDs(), clientName: String? = nil,
        listenPort: UInt16? = nil, requestQueueMax: Int? = nil, metadataSize: Int? = nil,
        yourIP: Endpoint? = nil, ipv4: Endpoint? = nil, ipv6: Endpoint? = nil,
        uploadOnly: Bool? = nil
    ) {
        self.extensions = extensions
        self.clientName = clientName
        self.listenPort = listenPort
        self.requestQueueMax = requestQueueMax
        self.metadataSize = metadataSize
        self.yourIP = yourIP
        self.ipv4 = ipv4
        self.ipv6 = ipv6
        self.uploadOnly = uploadOnly
    }
}
