import Glibc
import Logging
import Synchronization
import Testing

@testable import Seedbox

@Suite struct NotifySocketTests {
    @Test func tellsTheServiceManager() throws {
        let folder = try Scratch()
        let path = folder.path + "/notify"
        let manager = try DatagramEar(path)
        let socket = try #require(
            NotifySocket(["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "5000000"]))
        #expect(socket.watchdogMicroseconds == 5_000_000)
        socket.ready("http://127.0.0.1:9091/\nX=1")
        #expect(try manager.next() == "READY=1\nSTATUS=http://127.0.0.1:9091/ X=1")
        socket.reloading()
        #expect(try manager.next().hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
        socket.alive()
        #expect(try manager.next() == "WATCHDOG=1")
        socket.stopping()
        #expect(try manager.next().hasPrefix("STOPPING=1\n"))
    }

    @Test func namesInNoFolderAreUnderstood() throws {
        let name = "swarm-test-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        let manager = try DatagramEar("@" + name)
        try #require(NotifySocket(["NOTIFY_SOCKET": "@" + name])).alive()
        #expect(try manager.next() == "WATCHDOG=1")
    }

    @Test func saysNothingToWhoDoesNotAsk() {
        #expect(NotifySocket([:]) == nil)
        #expect(NotifySocket(["NOTIFY_SOCKET": "relative"]) == nil)
        #expect(
            NotifySocket([
                "NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1",
            ])?.watchdogMicroseconds == nil)
        // A socket that is not there must not hold anybody up.
        NotifySocket(["NOTIFY_SOCKET": "/none/such"])?.alive()
    }
}

@Suite struct LogTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private func output(
        _ change: (inout Settings.Log) -> Void = { _ in }, isJournal: Bool = false
    ) -> (LogOutput, Lines) {
        let lines = Lines()
        var settings = Settings.Log()
        change(&settings)
        let output = LogOutput(settings, isJournal: isJournal) { line in
            lines.all.withLock { $0.append(line) }
        }
        return (output, lines)
    }

    @Test func theJournalGetsPriorities() {
        let (output, lines) = output(isJournal: true)
        let logger = output.logger("x")
        logger.error("bad", metadata: ["b": "2", "a": "1"])
        logger.warning("odd")
        logger.info("well")
        logger.debug("not this")
        #expect(lines.all.withLock { $0 } == ["<3>bad a=1 b=2\n", "<4>odd\n", "<6>well\n"])
    }

    @Test("R14 control characters of strangers do not reach a terminal through the log")
    func strangersCannotSteerATerminal() {
        let (output, lines) = output(isJournal: true)
        output.logger("x").info("a\u{1b}[2Jb\nc", metadata: ["name": "\u{202e}x"])
        #expect(lines.all.withLock { $0 } == ["<6>a\\u{1b}[2Jb\\nc name=\\u{202e}x\n"])
    }

    @Test func objectsAreOneALine() throws {
        let (output, lines) = output { $0.format = .json }
        output.logger("swarm").info("a\nb", metadata: ["level": "deep"])
        let line = try #require(lines.all.withLock { $0 }.first)
        #expect(line.hasPrefix("{\"time\":\"2"))
        #expect(
            line.hasSuffix(
                "Z\",\"level\":\"info\",\"source\":\"swarm\",\"message\":\"a\\nb\","
                    + "\"level_\":\"deep\"}\n"))
    }

    @Test func theLevelChangesWhileItRuns() {
        let (output, lines) = output(isJournal: true)
        let logger = output.logger("x")
        logger.debug("not yet")
        var settings = Settings()
        settings.log.level = .debug
        output.apply(settings)
        logger.debug("now")
        #expect(lines.all.withLock { $0 } == ["<7>now\n"])
    }

    @Test("R16 passwords, tokens and passkeys are not in the log")
    func secretsAreNotLogged() {
        let (output, lines) = output(isJournal: true)
        var settings = Settings()
        settings.api.password = "geheimnis"
        output.apply(settings)
        output.logger("x").info(
            "with geheimnis",
            metadata: [
                "url": "https://t.example/0123456789abcdef0123456789abcdef/announce?passkey=1",
                "who": "http://user:pass@t.example/announce",
            ])
        #expect(
            lines.all.withLock { $0 } == [
                "<6>with (hidden) url=https://t.example/(hidden)/announce?(hidden) "
                    + "who=http://t.example/announce\n"
            ])
    }

    @Test func followersGetWhatIsWritten() async throws {
        let (output, _) = output()
        let lines = output.follow()
        output.logger("x").info("one")
        var iterator = lines.makeAsyncIterator()
        #expect(await iterator.next()?.contains("\"message\":\"one\"") == true)
        #expect(output.recent.count == 1)
        for _ in 0..<(Limits.logLinesKept + 10) { output.logger("x").info("more") }
        #expect(output.recent.count == Limits.logLinesKept)
    }
}

@Suite struct DoctorTests {
    @Test func smallLimitsComeWithTheLineToType() {
        let files = Doctor.fileLimit(1_024, peers: 1_000)
        #expect(files.verdict == .warning)
        #expect(files.fix?.hasPrefix("ulimit -n 2024") == true)
        #expect(Doctor.fileLimit(4_096, peers: 1_000).verdict == .ok)
        let buffer = Doctor.datagramBuffer(212_992)
        #expect(buffer.fix?.hasPrefix("sudo sysctl -w net.core.rmem_max=4194304") == true)
        #expect(Doctor.datagramBuffer(4 << 20).verdict == .ok)
    }

    @Test func clocksAreCompared() {
        #expect(Doctor.seconds(httpDate: "Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(Doctor.seconds(httpDate: "yesterday") == nil)
        #expect(Doctor.clock(ours: 100, theirs: 130, "x").verdict == .ok)
        #expect(
            Doctor.clock(ours: 1_000, theirs: 100, "x").text == "900 seconds ahead of that of x")
        #expect(Doctor.clock(ours: .min, theirs: .max, "x").verdict == .failure)
    }

    @Test func whatIsToTypeIsSafeToType() {
        #expect(Doctor.quoted("/a/b-c.d") == "/a/b-c.d")
        #expect(Doctor.quoted("/a b'$(reboot)") == "'/a b'\\''$(reboot)'")
    }

    @Test func aPortThatIsTakenIsAFailure() async throws {
        let folder = try Scratch()
        let holder = try TakenPort()
        var sources = SettingsSources()
        sources.environment = [
            "HOME": folder.path, "SWARM_PORT": "\(holder.port)", "SWARM_BIND": "127.0.0.1",
            "SWARM_API": "none", "SWARM_DHT_BOOTSTRAP": "127.0.0.1:6881",
        ]
        let findings = await Doctor(try sources.load()).examine()
        let port = try #require(findings.first { $0.subject == "peer port" })
        #expect(port.verdict == .failure)
        #expect(port.fix == "ss -lntup 'sport = :\(holder.port)'")
        #expect(findings.contains { $0.subject == "DNS" && $0.verdict == .ok })
        #expect(findings.contains { $0.text.contains("is not there yet, and can be made") })
    }

    @Test func aSecretThatOthersCanReadIsNamed() async throws {
        let folder = try Scratch()
        let file = try folder.write("geheim\n", to: "password")
        chmod(file, 0o644)
        var sources = SettingsSources()
        sources.environment = [
            "HOME": folder.path, "SWARM_PASSWORD_FILE": file, "SWARM_PORT": "0",
            "SWARM_API": "none", "SWARM_DHT_BOOTSTRAP": "127.0.0.1:6881",
        ]
        let doctor = Doctor(try sources.load())
        #expect(await doctor.examine().first?.fix == "chmod 600 \(file)")
        chmod(file, 0o600)
        #expect(await doctor.examine().first?.subject != "secrets")
    }
}

/// Hears datagrams as a service manager does.
private final class DatagramEar {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyBytes(from: bytes)
            if path.hasPrefix("@") { place[0] = 0 }
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length)
            }
        }
        guard code == 0 else { throw FileFault(code: errno) }
    }

    deinit { close(descriptor) }

    func next() throws -> String {
        var place = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&place, 1, 5_000) > 0 else { throw FileFault(code: ETIMEDOUT) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        guard count >= 0 else { throw FileFault(code: errno) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}

/// A TCP port of loopback that somebody listens at.
private final class TakenPort {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = descriptor
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place -> Int32 in
                guard bind(listener, place, length) == 0, listen(listener, 1) == 0 else {
                    return -1
                }
                return getsockname(listener, place, &length)
            }
        }
        guard code == 0 else { throw FileFault(code: errno) }
        port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(descriptor) }
}
