import Bencode
public import Hashing
import Units

/// A value in the DHT (BEP 44): immutable, and found by its hash, or signed, and found by the key
/// that signed it and a salt.
public struct DHTItem: Hashable, Sendable {
    /// What its owner says of a mutable value.
    public struct Signed: Hashable, Sendable {
        public var key: Ed25519PublicKey
        /// Grows with every change; not negative.
        public var sequence: Int64
        public var signature: Ed25519Signature

        public init(key: Ed25519PublicKey, sequence: Int64, signature: Ed25519Signature) {
            self.key = key
            self.sequence = sequence
            self.signature = signature
        }
    }

    /// The value's bencoding, byte for byte.
    public let value: [UInt8]
    /// `nil` for an immutable value.
    public let signed: Signed?

    /// An immutable value, or one whose signature is given. Whether it is right, `isValid` says.
    public init(value: [UInt8], signed: Signed? = nil) {
        self.value = value
        self.signed = signed
    }

    /// A mutable value, signed with `key`; `nil` if value or salt is too long, the value is not
    /// canonical bencoding, or the number negative.
    public init?(
        value: [UInt8], sequence: Int64, salt: [UInt8] = [],
        signingWith key: borrowing Ed25519PrivateKey
    ) {
        guard sequence >= 0, salt.count <= Limits.saltByteCountMax,
            Self.isCanonical(value)
        else { return nil }
        let signable = Self.signable(value: value, sequence: sequence, salt: salt)
        guard let signature = signable.withUnsafeBytes({ key.sign($0) }) else { return nil }
        self.init(
            value: value,
            signed: Signed(key: key.publicKey, sequence: sequence, signature: signature))
    }

    /// Whether `value` may be stored: one bencoded value in canonical form, at most 1,000 bytes.
    public static func isCanonical(_ value: [UInt8]) -> Bool {
        value.withUnsafeBytes { KRPCParser.isCanonicalItem($0) }
    }

    /// Where it is stored.
    public func target(salt: [UInt8] = []) -> NodeID {
        guard let signed else { return NodeID(SHA1Digest.hash(value)) }
        return Self.target(key: signed.key, salt: salt)
    }

    /// Where the values that `key` signs are stored: the hash of the key and after it the salt
    /// (BEP 44, "Mutable Items").
    public static func target(key: Ed25519PublicKey, salt: [UInt8] = []) -> NodeID {
        NodeID(SHA1Digest.hash(key.bytes + salt))
    }

    /// Whether it belongs at `target` and, if it is mutable, was signed by its key's owner (BEP 44,
    /// "Signature Verification").
    public func isValid(at target: NodeID, salt: [UInt8] = []) -> Bool {
        guard self.target(salt: salt) == target else { return false }
        return signed == nil || isSignatureValid(salt: salt)
    }

    /// Whether the signature of a mutable value is right; false for an immutable one.
    public func isSignatureValid(salt: [UInt8] = []) -> Bool {
        guard let signed, signed.sequence >= 0 else { return false }
        let signable = Self.signable(value: value, sequence: signed.sequence, salt: salt)
        return signable.withUnsafeBytes { signed.key.verifies(signed.signature, of: $0) }
    }

    /// What is signed: salt, number and value as they stand in a `put`, one after the other. An
    /// empty salt is none (BEP 44, "Mutable Items").
    static func signable(value: [UInt8], sequence: Int64, salt: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(value.count + salt.count + 48)
        if !salt.isEmpty {
            text += Array("4:salt\(salt.count):".utf8)
            text += salt
        }
        text += Array("3:seqi\(sequence)e1:v".utf8)
        return text + value
    }
}

// MARK: - Feeds

extension DHTItem {
    /// The value by which a feed names the torrent that is its newest (BEP 46, "Publishing
    /// content").
    public static func feedValue(naming infoHash: SHA1Digest) -> [UInt8] {
        Bencode.keyed(["ih": .bytes(infoHash.bytes)]).encoded()
    }

    /// The torrent that it names, if it is a feed's value (BEP 46, "Consuming content").
    public var feedInfoHash: SHA1Digest? {
        guard let document = try? BencodeDocument(value),
            let bytes = document.root["ih"]?.bytes
        else { return nil }
        return SHA1Digest(bytes: bytes)
    }
}
