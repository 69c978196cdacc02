import Glibc
import Hashing
import Logging
import Testing
import Units

@testable import Seedbox

@Suite struct AuthorityTests {
    private let stranger = Remote(text: "203.0.113.7")

    private func authority(_ change: (inout Settings.API) -> Void) throws -> Authority {
        var settings = Settings.API()
        change(&settings)
        return try Authority(settings, cost: .least, logger: .silent)
    }

    /// `me:` and the password.
    private func basic(_ password: String) -> String {
        "Basic " + base64(Array("me:\(password)".utf8))
    }

    @Test func withoutASecretOnlyThisMachineMay() async throws {
        let authority = try authority { _ in }
        let local = Authority.Verdict.granted(Grant(name: "local", scope: .admin))
        for address in ["127.0.0.1", "::1", "127.8.9.1"] {
            let verdict = await authority.judge(
                nil, from: Remote(text: address), isDirect: true, now: 0)
            #expect(verdict == local)
        }
        for address in ["203.0.113.7", "10.0.0.1", "no address", "2001:db8::1"] {
            let verdict = await authority.judge(
                nil, from: Remote(text: address), isDirect: true, now: 0)
            #expect(verdict == .unknown)
        }
        // A proxy on this machine lets in whoever comes.
        for remote in [Remote(text: "127.0.0.1"), .unixSocket] {
            let verdict = await authority.judge(nil, from: remote, isDirect: false, now: 0)
            #expect(verdict == .unknown)
        }
    }

    @Test func aPasswordIsNeededEverywhereButAtTheSocket() async throws {
        let authority = try authority { $0.password = "open sesame" }
        let local = Remote(text: "127.0.0.1")
        #expect(await authority.judge(nil, from: local, isDirect: true, now: 0) == .unknown)
        #expect(
            await authority.judge(nil, from: .unixSocket, isDirect: true, now: 0)
                == .granted(Grant(name: "socket", scope: .admin)))
        #expect(
            await authority.judge(basic("open sesame"), from: local, isDirect: true, now: 0)
                == .granted(Grant(name: "password", scope: .admin)))
        #expect(
            await authority.judge(basic("open"), from: local, isDirect: true, now: 0) == .wrong)
        let empty = "Basic " + base64([])
        #expect(await authority.judge(empty, from: local, isDirect: true, now: 0) == .wrong)
    }

    @Test func aPasswordMayBeGivenAsItsHash() async throws {
        let hash = try #require(ScryptHash(of: "a", salt: [1], cost: .least))
        let authority = try authority { $0.password = hash.description }
        let right = await authority.judge(basic("a"), from: stranger, isDirect: true, now: 0)
        #expect(right == .granted(Grant(name: "password", scope: .admin)))
        let asHash = await authority.judge(
            basic(hash.description), from: stranger, isDirect: true, now: 0)
        #expect(asHash == .wrong)
    }

    @Test func aTokenDoesWhatItsScopeSays() async throws {
        let authority = try authority { settings in
            for scope in Settings.Token.Scope.allCases {
                var token = Settings.Token(name: scope.rawValue)
                token.scope = scope
                token.token = "secret-\(scope.rawValue)"
                settings.tokens.append(token)
            }
        }
        for scope in [Scope.read, .control, .admin] {
            let granted = Authority.Verdict.granted(Grant(name: scope.rawValue, scope: scope))
            let secret = "secret-\(scope.rawValue)"
            for shown in ["Bearer \(secret)", "bearer  \(secret)", basic(secret)] {
                #expect(
                    await authority.judge(shown, from: stranger, isDirect: true, now: 0)
                        == granted)
            }
        }
        for shown in ["Bearer", "Bearer ", "Bearer secret-", "Digest x", "secret-admin", ""] {
            let address = Remote(text: "198.51.100.\(shown.count)")
            #expect(
                await authority.judge(shown, from: address, isDirect: true, now: 0) == .wrong)
        }
    }

    @Test("R4 of a thousand wrong passwords eight are looked at, and the right one waits, too")
    func guessingEnds() async throws {
        let authority = try authority { $0.password = "right" }
        var now: Int64 = 0
        for guess in 0..<1_000 {
            // Patient enough for every wait but the last.
            let verdict = await authority.judge(
                basic("guess \(guess)"), from: stranger, isDirect: true, now: now)
            if case .mustWait(let seconds) = verdict, seconds < 60 { now += seconds }
        }
        #expect(authority.passwordCheckCount == Limits.failuresMax)
        guard
            case .mustWait(let left) = await authority.judge(
                basic("right"), from: stranger, isDirect: true, now: now)
        else {
            Issue.record("it need not wait")
            return
        }
        #expect(left > 600)
        let other = await authority.judge(
            basic("right"), from: Remote(text: "198.51.100.1"), isDirect: true, now: now)
        #expect(other == .granted(Grant(name: "password", scope: .admin)))
        let later = await authority.judge(
            basic("right"), from: stranger, isDirect: true, now: now + left)
        #expect(later == .granted(Grant(name: "password", scope: .admin)))
    }

    @Test func whatWasRightIsNotDerivedAgain() async throws {
        let authority = try authority { $0.password = "right" }
        for _ in 0..<100 {
            let verdict = await authority.judge(
                basic("right"), from: stranger, isDirect: true, now: 0)
            #expect(verdict == .granted(Grant(name: "password", scope: .admin)))
        }
        #expect(authority.passwordCheckCount == 1)
    }

    @Test("R4 many guesses at once are as many") func guessesAtOnce() async throws {
        let authority = try authority { $0.password = "right" }
        let shown = basic("wrong")
        await withTaskGroup { tasks in
            for _ in 0..<200 {
                tasks.addTask {
                    _ = await authority.judge(shown, from: stranger, isDirect: true, now: 0)
                }
            }
        }
        #expect(authority.passwordCheckCount <= Limits.failuresMax)
    }

    @Test("R16 a file with a secret that others can write is refused") func secretFiles() throws {
        let path = "/tmp/swarm-secret-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { unlink(path) }
        for (mode, isTaken) in [(0o600, true), (0o644, true), (0o666, false)] {
            unlink(path)
            let file = open(path, O_CREAT | O_WRONLY | O_EXCL, 0o600)
            _ = "word\nsecond".withCString { write(file, $0, 11) }
            fchmod(file, mode_t(mode))
            close(file)
            let authority = try? authority { $0.passwordFile = path }
            #expect((authority != nil) == isTaken)
        }
        #expect(throws: SeedboxError.self) { try authority { $0.passwordFile = "/nowhere" } }
        #expect(throws: SeedboxError.self) { try authority { $0.passwordFile = "/dev/null" } }
    }
}

@Suite struct FailureTableTests {
    @Test func waitsDoubleAndEndInABan() {
        var table = FailureTable()
        var now: Int64 = 0
        var waits: [Int64] = []
        for _ in 0..<Limits.failuresMax {
            table.attempt(by: "a", now: now)
            let wait = table.wait(of: "a", now: now) ?? 0
            waits.append(wait)
            now += wait
        }
        #expect(waits == [0, 0, 0, 1, 2, 4, 8, Limits.failureWindowSeconds])
        #expect(table.wait(of: "a", now: now) == nil)
        #expect(table.wait(of: "b", now: 0) == nil)
    }

    @Test func failuresAreForgottenAfterTheWindow() {
        var table = FailureTable()
        for _ in 0..<3 { table.attempt(by: "a", now: 0) }
        table.attempt(by: "a", now: Limits.failureWindowSeconds)
        #expect(table.wait(of: "a", now: Limits.failureWindowSeconds) == nil)
    }

    @Test func successTakesBackOneAttemptAndNoMore() {
        var table = FailureTable()
        for _ in 0..<3 { table.attempt(by: "a", now: 0) }
        for _ in 0..<10 {
            table.attempt(by: "a", now: 0)
            table.wasRight("a", now: 0)
        }
        #expect(table.wait(of: "a", now: 0) == nil)
        table.attempt(by: "a", now: 0)
        #expect(table.wait(of: "a", now: 0) == 1)
    }

    @Test func theTableIsBounded() {
        var table = FailureTable()
        for address in 0..<Limits.failedAddressesMax + 10 {
            table.attempt(by: "\(address)", now: Int64(address))
        }
        #expect(table.count == Limits.failedAddressesMax)
    }
}

extension Remote {
    fileprivate init(text: String) {
        self = Endpoint(addressText: text, port: 0).map(Remote.address) ?? .nobody
    }
}

private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let part = bytes[start..<min(start + 3, bytes.count)]
        var value = part.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - part.count))
        var letters: [Character] = []
        for _ in 0..<4 {
            letters.insert(alphabet[value & 63], at: 0)
            value >>= 6
        }
        text += String(letters.prefix(part.count + 1))
        text += String(repeating: "=", count: 3 - part.count)
    }
    return text
}
