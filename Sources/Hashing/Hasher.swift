internal import COpenSSL

/// SHA-1 over bytes that come bit by bit. Not for use by two threads at once.
public struct SHA1Hasher: ~Copyable {
    private let context: EVPContext

    public init() { self.context = EVPContext(EVP_sha1()) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    /// The hash of all bytes since the last call, after which a new one begins.
    public mutating func finish() -> SHA1Digest {
        context.finish { SHA1Digest(bytes: $0.prefix(SHA1Digest.byteCount)) } ?? .zero
    }
}

/// SHA-256 over bytes that come bit by bit. Not for use by two threads at once.
public struct SHA256Hasher: ~Copyable {
    private let context: EVPContext

    public init() { self.context = EVPContext(EVP_sha256()) }

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    /// The hash of all bytes since the last call, after which a new one begins.
    public mutating func finish() -> SHA256Digest {
        context.finish { SHA256Digest(bytes: $0.prefix(SHA256Digest.byteCount)) } ?? .zero
    }
}

extension SHA1Digest {
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA1Digest {
        var hasher = SHA1Hasher()
        hasher.update(bytes)
        return hasher.finish()
    }

    public static func hash(_ bytes: [UInt8]) -> SHA1Digest {
        bytes.withUnsafeBytes { hash($0) }
    }
}

extension SHA256Digest {
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> SHA256Digest {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finish()
    }

    public static func hash(_ bytes: [UInt8]) -> SHA256Digest {
        bytes.withUnsafeBytes { hash($0) }
    }
}

/// OpenSSL's digest context. It fails only when memory is gone or the library is broken, which
/// no input can bring about; then nothing here can go on.
private final class EVPContext {
    private let context: OpaquePointer
    private let kind: OpaquePointer?

    init(_ kind: OpaquePointer?) {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, kind, nil) == 1 else {
            fatalError("libcrypto cannot make a digest")  // SAFETY: no input leads here.
        }
        self.context = context
        self.kind = kind
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        EVP_DigestUpdate(context, base, bytes.count)
    }

    func finish<Digest>(_ body: (UnsafeRawBufferPointer) -> Digest?) -> Digest? {
        withUnsafeTemporaryAllocation(byteCount: Int(EVP_MAX_MD_SIZE), alignment: 8) { out in
            var length: UInt32 = 0
            EVP_DigestFinal_ex(context, out.bindMemory(to: UInt8.self).baseAddress, &length)
            EVP_DigestInit_ex(context, kind, nil)
            return body(UnsafeRawBufferPointer(out))
        }
    }
}
