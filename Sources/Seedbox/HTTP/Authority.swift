import FoundationEssentials
import Glibc
import HTTPTypes
import Hashing
public import Logging
import NIOPosix
import Synchronization
import Units

/// Decides who may do what: by a password that is kept as scrypt makes it, by tokens, or by where
/// a request comes from when neither is set. Guessing is slowed down, then stopped.
public final class Authority: Sendable {
    enum Verdict: Sendable, Equatable {
        case granted(Grant)
        /// Nothing was shown, and something must be.
        case unknown
        case wrong
        /// Seconds until it may try again.
        case mustWait(Int64)
        case busy
    }

    fileprivate struct Token: Sendable {
        let digest: [UInt8]
        let grant: Grant
    }

    /// What has to be shown.
    struct Secrets: Sendable {
        fileprivate let password: ScryptHash?
        fileprivate let tokens: [Token]
        fileprivate var areSet: Bool { password != nil || !tokens.isEmpty }
    }

    private struct State: Sendable {
        var secrets: Secrets
        /// The keyed digest of the password that was right last, so that not every request of a
        /// program that polls costs what a guess costs.
        var right: [UInt8]?
        var failures = FailureTable()
        var checks = 0
        /// Passwords that went through scrypt; for tests.
        var checkCount = 0
    }

    private let state: Mutex<State>
    private let key = randomBytes(32)

    /// Reads the files of secrets, too.
    public convenience init(_ settings: Settings.API, logger: Logger) throws(SeedboxError) {
        try self.init(settings, cost: .interactive, logger: logger)
    }

    init(
        _ settings: Settings.API, cost: ScryptHash.Cost, logger: Logger
    ) throws(SeedboxError) {
        state = Mutex(State(secrets: try Self.secrets(of: settings, cost: cost, logger)))
    }

    /// What `take` takes. Reads files, so that it may fail.
    static func secrets(
        of settings: Settings.API, logger: Logger
    ) throws(SeedboxError) -> Secrets {
        try secrets(of: settings, cost: .interactive, logger)
    }

    /// Wants these from now on; what was wrong before stays counted.
    func take(_ secrets: Secrets) {
        state.withLock {
            $0.secrets = secrets
            $0.right = nil
        }
    }

    public var hasSecrets: Bool { state.withLock { $0.secrets.areSet } }
    var passwordCheckCount: Int { state.withLock { $0.checkCount } }

    /// - Parameter isDirect: Whether no proxy has passed the request on.
    /// - Parameter now: Seconds.
    func judge(
        _ authorization: String?, from remote: Remote, isDirect: Bool, now: Int64
    ) async -> Verdict {
        guard let authorization else { return judgeStranger(from: remote, isDirect: isDirect) }
        let secrets = state.withLock { $0.secrets }
        guard secrets.areSet else { return judgeStranger(from: remote, isDirect: isDirect) }
        let address = remote.failureKey
        let wait = state.withLock { state -> Int64? in
            if let wait = state.failures.wait(of: address, now: now) { return wait }
            state.failures.attempt(by: address, now: now)
            return nil
        }
        if let wait { return .mustWait(wait) }
        let verdict = await check(authorization, secrets)
        if verdict != .wrong {
            state.withLock { $0.failures.wasRight(address, now: now) }
        }
        return verdict
    }

    /// Who shows nothing: whoever the socket's mode lets in, and this machine if no secret is set.
    /// What a proxy passes on may come from anywhere.
    private func judgeStranger(from remote: Remote, isDirect: Bool) -> Verdict {
        guard isDirect else { return .unknown }
        switch remote {
        case .unixSocket: return .granted(Grant(name: "socket", scope: .admin))
        case .address(let address) where !hasSecrets && address.isLoopback:
            return .granted(Grant(name: "local", scope: .admin))
        default: return .unknown
        }
    }

    private func check(_ authorization: String, _ secrets: Secrets) async -> Verdict {
        guard authorization.utf8.count <= Limits.authorizationBytesMax,
            let space = authorization.firstIndex(of: " ")
        else { return .wrong }
        let rest = authorization[authorization.index(after: space)...].drop { $0 == " " }
        switch authorization[..<space].lowercased() {
        case "bearer": return grant(ofToken: String(rest), secrets).map(Verdict.granted) ?? .wrong
        case "basic":
            guard let decoded = Data(base64Encoded: String(rest)),
                let text = String(validating: decoded, as: UTF8.self),
                let colon = text.firstIndex(of: ":")
            else { return .wrong }
            let password = String(text[text.index(after: colon)...])
            // Programs that know no other way give their token so.
            if let grant = grant(ofToken: password, secrets) { return .granted(grant) }
            return await check(password: password, secrets.password)
        default: return .wrong
        }
    }

    private func grant(ofToken token: String, _ secrets: Secrets) -> Grant? {
        let digest = SHA256Digest.hash(Array(token.utf8)).bytes
        // All are looked at, so that the time tells nothing of which it was.
        var grant: Grant?
        for token in secrets.tokens where isEqualInConstantTime(token.digest, digest) {
            grant = token.grant
        }
        return grant
    }

    private func check(password: String, _ hash: ScryptHash?) async -> Verdict {
        guard let hash else { return .wrong }
        let granted = Verdict.granted(Grant(name: "password", scope: .admin))
        let digest = SHA256Digest.hash(key + Array(password.utf8)).bytes
        let known = state.withLock { state -> Bool? in
            if let right = state.right, isEqualInConstantTime(right, digest) { return true }
            guard state.checks < Limits.passwordChecksMax else { return nil }
            state.checks += 1
            state.checkCount += 1
            return false
        }
        guard let known else { return .busy }
        if known { return granted }
        let isRight =
            (try? await NIOThreadPool.singleton.runIfActive { hash.matches(password) }) ?? false
        state.withLock {
            $0.checks -= 1
            if isRight { $0.right = digest }
        }
        return isRight ? granted : .wrong
    }

    // MARK: Secrets

    private static func secrets(
        of settings: Settings.API, cost: ScryptHash.Cost, _ logger: Logger
    ) throws(SeedboxError) -> Secrets {
        var password = settings.password
        if let path = settings.passwordFile {
            password = try secret(in: path, of: "api.password-file", logger)
        }
        var tokens: [Token] = []
        for (index, token) in settings.tokens.enumerated() {
            var text = token.token
            if let path = token.tokenFile {
                text = try secret(in: path, of: "api.tokens[\(index)].token-file", logger)
            }
            guard let text else { continue }
            let grant = Grant(name: token.name, scope: Scope(token.scope))
            tokens.append(Token(digest: SHA256Digest.hash(Array(text.utf8)).bytes, grant: grant))
        }
        guard let password else { return Secrets(password: nil, tokens: tokens) }
        guard
            let hash = ScryptHash(password)
                ?? ScryptHash(
                    of: password, salt: randomBytes(ScryptHash.saltByteCount), cost: cost)
        else { throw .storage("the password cannot be kept: no memory for it") }
        return Secrets(password: hash, tokens: tokens)
    }

    /// The first line of a file. One that others can read is no secret, which is said.
    private static func secret(
        in path: String, of field: String, _ logger: Logger
    ) throws(SeedboxError) -> String {
        func refusal(_ reason: String) -> SeedboxError { .badValue(field: field, reason: reason) }
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard file >= 0 else {
            throw refusal("\(path): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw refusal("\(path): is no file")
        }
        guard status.st_mode & 0o022 == 0 else {
            throw refusal("\(path): others can write it: chmod 600 \(path)")
        }
        if status.st_mode & 0o004 != 0 {
            logger.warning(
                "a file with a secret can be read by everybody: chmod 600 it",
                metadata: ["path": "\(path)"])
        }
        var buffer = [UInt8](repeating: 0, count: Limits.authorizationBytesMax)
        let count = read(file, &buffer, buffer.count)
        guard count >= 0 else { throw refusal("\(path): \(String(cString: strerror(errno)))") }
        let line = buffer.prefix(count).prefix { $0 != 0x0A && $0 != 0x0D }
        guard let text = String(validating: line, as: UTF8.self), !text.isEmpty else {
            throw refusal("\(path): its first line is empty, or no text")
        }
        return text
    }
}

extension Scope {
    fileprivate init(_ scope: Settings.Token.Scope) {
        switch scope {
        case .read: self = .read
        case .control: self = .control
        case .admin: self = .admin
        }
    }
}

extension Remote {
    /// What failures are counted by: whoever has one IPv6 address has 2^64 of them.
    fileprivate var failureKey: String {
        guard case .address(let address) = self, !address.isIPv4 else { return description }
        return Endpoint(ipv6High: address.high, low: 0, port: 0).addressText
    }
}

private func randomBytes(_ count: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
}
