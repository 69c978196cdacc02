import CLinux
import Glibc
import Units

/// One thing that was looked at on the machine, before or while a daemon runs there.
public struct Finding: Hashable, Sendable {
    public enum Verdict: String, CaseIterable, Sendable {
        case ok
        /// It works, and could do better, or it could not be looked at.
        case warning
        /// The daemon will not do what its settings say.
        case failure
    }

    public var verdict: Verdict
    /// What was looked at: one or two words.
    public var subject: String
    public var text: String
    /// What to type so that it is well.
    public var fix: String?

    public init(_ verdict: Verdict, _ subject: String, _ text: String, fix: String? = nil) {
        self.verdict = verdict
        self.subject = subject
        self.text = text
        self.fix = fix
    }
}

/// Looks whether a machine lets the daemon do what its settings say.
public struct Doctor: Sendable {
    let settings: Settings
    private let file: String?
    private let hidden: [HiddenSetting]

    public init(_ loaded: LoadedSettings) {
        settings = loaded.settings
        file = loaded.file
        hidden = loaded.hidden
    }

    /// All that can be looked at without asking anybody on the network but the name server.
    public func examine() async -> [Finding] {
        let lock = stateLock
        var findings = [secrecy].compactMap(\.self) + hiddenSettings
        findings += folders
        findings.append(lock.finding)
        findings += ports(isRunning: lock.isRunning)
        findings += [fileLimit, datagramBuffer, clock, await names()]
        return findings
    }

    // MARK: - Settings

    /// A file that holds a secret and that others may read.
    private var secrecy: Finding? {
        let holdsSecret =
            settings.api.password != nil || settings.api.tokens.contains { $0.token != nil }
        var files = [settings.api.passwordFile] + settings.api.tokens.map(\.tokenFile)
        if holdsSecret { files.append(file) }
        for file in files.compactMap(\.self) {
            var status = stat()
            guard stat(file, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
            return Finding(
                .warning, "secrets", "\(file) can be read by others",
                fix: "chmod 600 \(Self.quoted(file))")
        }
        return nil
    }

    /// What was written for nothing.
    private var hiddenSettings: [Finding] {
        hidden.map { hidden in
            Finding(
                .warning, "settings",
                "\(hidden.origin): \(hidden.name) does not hold, as it was changed at run time",
                fix: "swarm config unset \(Self.quoted(hidden.name))")
        }
    }

    // MARK: - Folders

    private var folders: [Finding] {
        var wanted: [(subject: String, path: String)] = [
            ("state folder", settings.storage.stateFolder),
            ("downloads", settings.storage.downloadFolder),
        ]
        wanted += settings.categories.compactMap { category in
            category.folder.map { ("category \(category.name)", $0) }
        }
        wanted += settings.watch.map { ("watch folder", $0.folder) }
        var seen: Set<String> = []
        return wanted.filter { seen.insert($0.path).inserted }.flatMap { wanted in
            let found = access(to: wanted.path, wanted.subject)
            guard found.verdict == .ok, let space = space(at: wanted.path, wanted.subject) else {
                return [found]
            }
            return [found, space]
        }
    }

    private func access(to path: String, _ subject: String) -> Finding {
        guard let there = Self.nearestFolder(to: path) else {
            return Finding(.failure, subject, "\(path) is no folder", fix: nil)
        }
        let user = "$(id -un)"
        guard Glibc.access(there, R_OK | W_OK | X_OK) == 0 else {
            return Finding(
                .failure, subject, "\(there) cannot be written to",
                fix: "sudo chown \(user) \(Self.quoted(there))")
        }
        return there == path
            ? Finding(.ok, subject, "\(path) can be written to")
            : Finding(.ok, subject, "\(path) is not there yet, and can be made")
    }

    private func space(at path: String, _ subject: String) -> Finding? {
        guard let there = Self.nearestFolder(to: path) else { return nil }
        var facts = statvfs()
        guard statvfs(there, &facts) == 0 else { return nil }
        let free = Int64(clamping: facts.f_bavail).multipliedSaturating(
            by: Int64(clamping: facts.f_frsize))
        let text = "\(sizeText(free)) free"
        guard free > settings.storage.minimumFree else {
            return Finding(
                .failure, "\(subject) space",
                "\(text) at \(there), and \(sizeText(settings.storage.minimumFree)) are to stay "
                    + "free: nothing will be written",
                fix: "df -h \(Self.quoted(there))")
        }
        return Finding(.ok, "\(subject) space", text)
    }

    /// The folder itself, or the nearest above it that is there; nil if that is none.
    private static func nearestFolder(to path: String) -> String? {
        var path = path[...]
        while !path.isEmpty {
            var status = stat()
            if stat(String(path), &status) == 0 {
                return status.st_mode & S_IFMT == S_IFDIR ? String(path) : nil
            }
            guard errno == ENOENT, let slash = path.lastIndex(of: "/") else { return nil }
            path = slash == path.startIndex ? "/" : path[..<slash]
        }
        return nil
    }

    /// Whether a daemon has the state folder to itself.
    private var stateLock: (isRunning: Bool, finding: Finding) {
        let path = settings.storage.stateFolder + "/seedbox.lock"
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return (false, Finding(.ok, "state lock", "no daemon runs")) }
        defer { close(file) }
        guard flock(file, LOCK_SH | LOCK_NB) != 0 else {
            return (false, Finding(.ok, "state lock", "no daemon runs"))
        }
        return (true, Finding(.ok, "state lock", "a daemon runs with this state folder"))
    }

    // MARK: - The machine

    private var fileLimit: Finding {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return Finding(.warning, "open files", "the limit is not known")
        }
        return Self.fileLimit(
            Int64(clamping: limit.rlim_cur), peers: settings.network.maxPeers)
    }

    static func fileLimit(_ limit: Int64, peers: Int) -> Finding {
        let wanted = Int64(peers) + Limits.descriptorsBesidePeers
        guard limit < wanted else {
            return Finding(.ok, "open files", "\(limit) at a time")
        }
        return Finding(
            .warning, "open files",
            "\(limit) at a time are too few for \(peers) peers",
            fix: "ulimit -n \(wanted)    # or LimitNOFILE=\(wanted) in the unit")
    }

    private var datagramBuffer: Finding {
        let path = "/proc/sys/net/core/rmem_max"
        guard case .success(let bytes) = readSmallFile(path, bytesMax: 64),
            let size = Int64(String(decoding: bytes, as: UTF8.self).filter(\.isNumber))
        else { return Finding(.warning, "UDP buffers", "\(path) cannot be read") }
        return Self.datagramBuffer(size)
    }

    static func datagramBuffer(_ size: Int64) -> Finding {
        let wanted = Limits.datagramBufferBytes
        guard size < wanted else {
            return Finding(.ok, "UDP buffers", "up to \(sizeText(size))")
        }
        return Finding(
            .warning, "UDP buffers",
            "at most \(sizeText(size)): bursts of DHT and trackers are lost",
            fix: "sudo sysctl -w net.core.rmem_max=\(wanted)    # and into /etc/sysctl.d/swarm.conf"
        )
    }

    /// What the kernel has been told by whoever keeps its clock. Asks nobody.
    private var clock: Finding {
        let isKept = clock_is_kept()
        guard isKept >= 0 else {
            return Finding(.warning, "clock", "it cannot be told whether it is right")
        }
        guard isKept > 0 else {
            return Finding(
                .warning, "clock", "nothing keeps it right, as far as the kernel knows",
                fix: "sudo timedatectl set-ntp true")
        }
        return Finding(.ok, "clock", "kept right")
    }

    /// Words for a shell, whatever is in them.
    static func quoted(_ path: String) -> String {
        let plain = path.utf8.allSatisfy { byte in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
                || "/._-+,:@".utf8.contains(byte)
        }
        return plain ? path : "'" + path.replacing("'", with: "'\\''") + "'"
    }
}
