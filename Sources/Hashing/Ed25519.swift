internal import COpenSSL
import Units

/// The 32 bytes of an Ed25519 public key (RFC 8032, section 5.1.5), held in place. Whether they are
/// a point of the curve shows when something is verified with them.
public struct Ed25519PublicKey: Hashable, Sendable {
    public static let byteCount = 32

    /// The bytes as they lie in memory.
    private let a: UInt64
    private let b: UInt64
    private let c: UInt64
    private let d: UInt64

    /// `nil` unless there are exactly 32 bytes.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount else { return nil }
        self.a = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        self.b = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        self.c = bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        self.d = bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self)
    }

    /// `nil` unless there are exactly 32 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        guard let key = Array(bytes).withUnsafeBytes({ Ed25519PublicKey(bytes: $0) }) else {
            return nil
        }
        self = key
    }

    /// `nil` unless there are exactly 64 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 32 bytes, in place.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try Swift.withUnsafeBytes(of: self, body)
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Whether `signature` is that of `message` by this key's owner (RFC 8032, section 5.1.7).
    /// Takes about 0.1 ms.
    public func verifies(_ signature: Ed25519Signature, of message: UnsafeRawBufferPointer) -> Bool
    {
        let key = withUnsafeBytes { bytes in
            EVP_PKEY_new_raw_public_key(
                EVP_PKEY_ED25519, nil, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        guard let key else { return false }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return signature.withUnsafeBytes { signature in
            let signature = signature.bindMemory(to: UInt8.self)
            let message = message.bindMemory(to: UInt8.self)
            return EVP_DigestVerify(
                context, signature.baseAddress, signature.count, message.baseAddress,
                message.count) == 1
        }
    }
}

extension Ed25519PublicKey: CustomStringConvertible {
    public var description: String { withUnsafeBytes { hexText($0) } }
}

/// The 64 bytes of an Ed25519 signature (RFC 8032, section 5.1.6), held in place.
public struct Ed25519Signature: Hashable, Sendable {
    public static let byteCount = 64

    private let first: Ed25519PublicKey
    private let second: Ed25519PublicKey

    /// `nil` unless there are exactly 64 bytes.
    public init?(bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.byteCount,
            let first = Ed25519PublicKey(bytes: UnsafeRawBufferPointer(rebasing: bytes[..<32])),
            let second = Ed25519PublicKey(bytes: UnsafeRawBufferPointer(rebasing: bytes[32...]))
        else { return nil }
        self.first = first
        self.second = second
    }

    /// `nil` unless there are exactly 64 bytes.
    public init?(bytes: some Sequence<UInt8>) {
        guard let signature = Array(bytes).withUnsafeBytes({ Ed25519Signature(bytes: $0) })
        else { return nil }
        self = signature
    }

    /// `nil` unless there are exactly 128 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Units.bytes(fromHex: hex) else { return nil }
        self.init(bytes: bytes)
    }

    /// The 64 bytes, in place.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try Swift.withUnsafeBytes(of: self, body)
    }

    public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}

extension Ed25519Signature: CustomStringConvertible {
    public var description: String { withUnsafeBytes { hexText($0) } }
}

/// An Ed25519 private key, made of the 32 bytes of its seed (RFC 8032, section 5.1.5). OpenSSL
/// keeps it, and wipes it when it is freed. It cannot be made of the 64 bytes of an expanded key,
/// as some programs keep them and as the examples of BEP 44 show them: OpenSSL takes seeds only.
// SAFETY: `@unchecked Sendable`, as OpenSSL's key is owned by this value alone and never changed.
public struct Ed25519PrivateKey: ~Copyable, @unchecked Sendable {
    public static let seedByteCount = 32

    private let key: OpaquePointer
    public let publicKey: Ed25519PublicKey

    /// `nil` unless there are exactly 32 bytes.
    public init?(seed: UnsafeRawBufferPointer) {
        guard let made = Self.make(of: seed) else { return nil }
        self.key = made.key
        self.publicKey = made.publicKey
    }

    /// `nil` unless there are exactly 32 bytes.
    public init?(seed: [UInt8]) {
        guard let made = seed.withUnsafeBytes({ Self.make(of: $0) }) else { return nil }
        self.key = made.key
        self.publicKey = made.publicKey
    }

    private static func make(
        of seed: UnsafeRawBufferPointer
    ) -> (key: OpaquePointer, publicKey: Ed25519PublicKey)? {
        guard seed.count == seedByteCount,
            let key = EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519, nil, seed.bindMemory(to: UInt8.self).baseAddress, seed.count)
        else { return nil }
        let publicKey: Ed25519PublicKey? = withUnsafeTemporaryAllocation(
            byteCount: Ed25519PublicKey.byteCount, alignment: 8
        ) { bytes in
            var count = bytes.count
            let base = bytes.bindMemory(to: UInt8.self).baseAddress
            guard EVP_PKEY_get_raw_public_key(key, base, &count) == 1, count == bytes.count
            else { return nil }
            return Ed25519PublicKey(bytes: UnsafeRawBufferPointer(bytes))
        }
        guard let publicKey else {
            EVP_PKEY_free(key)
            return nil
        }
        return (key, publicKey)
    }

    deinit { EVP_PKEY_free(key) }

    /// The one signature of `message` by this key (RFC 8032, section 5.1.6); `nil` only when memory
    /// is gone.
    public func sign(_ message: UnsafeRawBufferPointer) -> Ed25519Signature? {
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1 else { return nil }
        return withUnsafeTemporaryAllocation(
            byteCount: Ed25519Signature.byteCount, alignment: 8
        ) { bytes in
            var count = bytes.count
            let message = message.bindMemory(to: UInt8.self)
            let base = bytes.bindMemory(to: UInt8.self).baseAddress
            guard EVP_DigestSign(context, base, &count, message.baseAddress, message.count) == 1,
                count == bytes.count
            else { return nil }
            return Ed25519Signature(bytes: UnsafeRawBufferPointer(bytes))
        }
    }
}
