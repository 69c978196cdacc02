public import Bencode
import Units

/// Why an extension handshake could not be read.
public enum ExtensionHandshakeError: Error, Equatable, Sendable {
    case notBencode(BencodeError)
    case notADictionary
}

extension ExtensionHandshakeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notBencode(let error): "the extension handshake is not bencode: \(error)"
        case .notADictionary: "the extension handshake is not a dictionary"
        }
    }
}

// MARK: - Reading

extension ExtensionHandshake {
    /// Reads a handshake (BEP 10). A value of the wrong type or out of its range is left out, as
    /// if it were absent: clients differ, and none of them is worth a connection. Bytes after the
    /// dictionary are ignored.
    public init(parsing bytes: [UInt8]) throws(ExtensionHandshakeError) {
        let document: BencodeDocument
        do throws(BencodeError) {
            document = try BencodeDocument(prefixOf: bytes, limits: .message, .lenient)
        } catch {
            throw .notBencode(error)
        }
        let root = document.root
        guard root.isDictionary else { throw .notADictionary }
        self.init(
            extensions: root["m"].map(Self.extensions) ?? ExtensionIDs(),
            clientName: root["v"]?.bytes.flatMap(Self.clientName),
            listenPort: root["p"]?.integer.flatMap { UInt16(exactly: $0) }.flatMap {
                $0 == 0 ? nil : $0
            },
            requestQueueMax: root["reqq"]?.integer.map {
                Int(clamping: min(max($0, 1), Int64(Limits.requestQueueMax)))
            },
            metadataSize: root["metadata_size"]?.integer.flatMap(Self.metadataSize),
            yourIP: root["yourip"]?.bytes.flatMap(Self.address),
            ipv4: root["ipv4"]?.bytes.flatMap(Self.address).flatMap { $0.isIPv4 ? $0 : nil },
            ipv6: root["ipv6"]?.bytes.flatMap(Self.address).flatMap { $0.isIPv4 ? nil : $0 },
            uploadOnly: root["upload_only"]?.integer.map { $0 != 0 })
    }

    /// Ids from 0 to 255 of names that we know. Of two names with one id the first counts, since
    /// the peer could not tell our messages apart.
    private static func extensions(_ names: BencodeValue) -> ExtensionIDs {
        var ids = ExtensionIDs()
        var isTaken = [Bool](repeating: false, count: 256)
        for (key, value) in names.entries {
            guard let integer = value.integer, let id = UInt8(exactly: integer) else { continue }
            if id != 0 {
                guard !isTaken[Int(id)] else { continue }
                isTaken[Int(id)] = true
            }
            guard let known = ExtensionID(name: key) else { continue }
            ids[known] = id
        }
        return ids
    }

    private static func metadataSize(_ size: Int64) -> Int? {
        (1...Int64(Limits.metadataSizeMax)).contains(size) ? Int(size) : nil
    }

    /// 4 bytes of IPv4 or 16 of IPv6, without a port.
    private static func address(_ bytes: ArraySlice<UInt8>) -> Endpoint? {
        let withPort = bytes + [0, 0]
        return Endpoint(compactIPv4: withPort) ?? Endpoint(compactIPv6: withPort)
    }

    /// The name as text that can be shown anywhere: bytes that are not UTF-8 are replaced, and
    /// what has no shape of its own, such as controls and changes of direction, is left out.
    static func clientName(_ bytes: ArraySlice<UInt8>) -> String? {
        var name = String.UnicodeScalarView()
        var byteCount = 0
        // No more than four bytes can become one scalar.
        let beginning = bytes.prefix(4 * Limits.clientNameBytesMax)
        for scalar in String(decoding: beginning, as: UTF8.self).unicodeScalars
        where scalar.isShown {
            byteCount += UTF8.width(scalar)
            guard byteCount <= Limits.clientNameBytesMax else { break }
            name.append(scalar)
        }
        return name.isEmpty ? nil : String(name)
    }
}

extension ExtensionID {
    fileprivate init?(name: ArraySlice<UInt8>) {
        guard let known = Self.allCases.first(where: { name.elementsEqual($0.name.utf8) }) else {
            return nil
        }
        self = known
    }
}

extension Unicode.Scalar {
    fileprivate var isShown: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            false
        default: true
        }
    }
}

// MARK: - Writing

extension ExtensionHandshake {
    /// The bencoded dictionary.
    public func encoded() -> [UInt8] {
        var root: [[UInt8]: Bencode] = [:]
        func set(_ key: String, _ value: Bencode?) { root[Array(key.utf8)] = value }
        var names: [[UInt8]: Bencode] = [:]
        for known in ExtensionID.allCases {
            names[Array(known.name.utf8)] = extensions[known].map { .integer(Int64($0)) }
        }
        set("m", .dictionary(names))
        set("v", clientName.map { .string($0) })
        set("p", listenPort.map { .integer(Int64($0)) })
        set("reqq", requestQueueMax.map { .integer(Int64($0)) })
        set("metadata_size", metadataSize.map { .integer(Int64($0)) })
        set("yourip", yourIP.map { .bytes($0.addressBytes) })
        set("ipv4", ipv4.map { .bytes($0.addressBytes) })
        set("ipv6", ipv6.map { .bytes($0.addressBytes) })
        set("upload_only", uploadOnly.map { .integer($0 ? 1 : 0) })
        return Bencode.dictionary(root).encoded()
    }
}
