internal import COpenSSL

/// SHA-1 over bytes that come in parts. Not for use by two threads at once.
public struct SHA1Hasher: ~Copyable, Sendable {
    private var context = DigestContext(.sha1)

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    /// The hash of all bytes since the last call, after which a new one begins: one hasher serves
    /// for any number of hashes, and only its making allocates.
    public mutating func finish() -> SHA1Digest {
        context.finish { SHA1Digest(loading: $0, at: 0) } ?? .zero
    }
}

/// SHA-256 over bytes that come in parts. Not for use by two threads at once.
public struct SHA256Hasher: ~Copyable, Sendable {
    private var context = DigestContext(.sha256)

    public init() {}

    public mutating func update(_ bytes: UnsafeRawBufferPointer) { context.update(bytes) }

    /// The hash of all bytes since the last call, after which a new one begins: one hasher serves
    /// for any number of hashes, and only its making allocates.
    public mutating func finish() -> SHA256Digest {
        context.finish { SHA256Digest(loading: $0, at: 0) } ?? .zero
    }

    /// The parent of two nodes of a Merkle tree. Nothing may have been added since `finish`.
    mutating func parent(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
        withUnsafeBytes(of: (left, right)) { update($0) }
        return finish()
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
///
/// It is not private, as values of other modules that hold a hasher in place need this type's
/// metadata, which the compiler does not export for a private type: release builds would not link.
@usableFromInline
// SAFETY: `@unchecked Sendable`, as the context is owned by this value alone and a noncopyable
// value is in one thread at a time.
struct DigestContext: ~Copyable, @unchecked Sendable {
    private let context: OpaquePointer
    /// Whether bytes may be added; after a hash is taken the context must be begun anew.
    private var isOpen = true

    init(_ algorithm: DigestAlgorithm) {
        guard let context = EVP_MD_CTX_new(),
            EVP_DigestInit_ex(context, algorithm.method, nil) == 1
        else { fatalError("libcrypto cannot make a digest") }  // SAFETY: no input leads here.
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if !isOpen { reopen() }
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        guard EVP_DigestUpdate(context, base, bytes.count) == 1 else {
            fatalError("libcrypto cannot hash")  // SAFETY: no input leads here.
        }
    }

    mutating func finish<Digest>(_ body: (UnsafeRawBufferPointer) -> Digest?) -> Digest? {
        if !isOpen { reopen() }
        isOpen = false
        return withUnsafeTemporaryAllocation(byteCount: Int(EVP_MAX_MD_SIZE), alignment: 8) { out in
            var length: UInt32 = 0
            let bytes = out.bindMemory(to: UInt8.self).baseAddress
            guard EVP_DigestFinal_ex(context, bytes, &length) == 1 else {
                fatalError("libcrypto cannot hash")  // SAFETY: no input leads here.
            }
            return body(UnsafeRawBufferPointer(rebasing: out[..<min(Int(length), out.count)]))
        }
    }

    /// Without a method the context keeps the one that it has, and looks nothing up.
    private mutating func reopen() {
        guard EVP_DigestInit_ex(context, nil, nil) == 1 else {
            fatalError("libcrypto cannot make a digest")  // SAFETY: no input leads here.
        }
        isOpen = true
    }
}

/// An algorithm, fetched from OpenSSL's providers once for the whole process: with `EVP_sha1()`
/// every context would look it up again, under a lock.
// SAFETY: `@unchecked Sendable`, as a fetched method is never written to or freed.
struct DigestAlgorithm: @unchecked Sendable {
    let method: OpaquePointer?

    static let sha1 = DigestAlgorithm(method: EVP_MD_fetch(nil, "SHA1", nil) ?? EVP_sha1())
    static let sha256 = DigestAlgorithm(method: EVP_MD_fetch(nil, "SHA256", nil) ?? EVP_sha256())
}
