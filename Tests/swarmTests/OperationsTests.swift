import Foundation
import Glibc
import Testing

/// Runs what the operator's manual says, in the order in which it says it.
@Suite(.ownThreads) struct OperationsTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    @Test func everyCommandOfTheManualWorks() throws {
        let text = try Self.text(of: "Docs/OPERATIONS.md")
        let blocks = Self.blocks(of: text)
        #expect(blocks.count >= 10)
        let said = try Self.run(blocks.map { Self.step(before: $0) })
        #expect(said.status == 0, "\(said.text)")
    }

    /// From nothing to the page, as it is promised.
    @Test func theThreeCommandsOfTheREADMEOpenThePage() throws {
        let commands = Self.seedboxCommands(of: try Self.text(of: "README.md"))
        #expect(commands.count == 3)
        let said = try Self.run(commands.map { Self.step(before: $0) } + ["[ -n \"$opened\" ]"])
        #expect(said.status == 0, "\(said.text)")
        #expect(said.text.contains("opened http://127.0.0.1:"), "\(said.text)")
    }

    /// The commands in a home folder of their own, one after the other.
    private static func run(_ commands: [String]) throws -> (status: Int32, text: String) {
        let folder = try TemporaryFolder()
        let port = try freePort()
        let script = commands.map { $0.replacingOccurrences(of: "9091", with: "\(port)") }
        try folder.file("manual.sh", prelude + script.joined(separator: "\n") + "\n")
        try folder.file("home/.keep", "")
        try folder.file("run/.keep", "")

        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = [folder.path("manual.sh")]
        process.currentDirectoryURL = root
        process.environment = [
            "HOME": folder.path("home"), "PATH": "\(folder.path("home"))/.local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8", "SWARM_UNDER_TEST": Binary.path, "PORT": "\(port)",
            "XDG_RUNTIME_DIR": folder.path("run"),
            // No test speaks to the world, and all run beside each other.
            "SWARM_PORT": "0", "SWARM_BIND": "127.0.0.1", "SWARM_NETWORK_DHT": "false",
            "SWARM_NETWORK_LSD": "false", "SWARM_DHT_BOOTSTRAP": "127.0.0.1:1",
            "SWARM_STORAGE_MINIMUM_FREE": "1",
        ]
        let output = try FileHandle(forWritingTo: folder.file("output", Data()))
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let said = String(decoding: try folder.content("output"), as: UTF8.self)
        return (process.terminationStatus, said)
    }

    private static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The block, with its first line said before it.
    private static func step(before block: String) -> String {
        "step \(quoted(block.split(separator: "\n").first.map(String.init) ?? ""))\n" + block
    }

    /// What is indented after the heading, up to the next words.
    private static func seedboxCommands(of text: String) -> [String] {
        let section = text.components(separatedBy: "\n## A seedbox\n").dropFirst().first ?? ""
        return section.split(separator: "\n").drop { !$0.hasPrefix("    ") }
            .prefix { $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
    }

    @Test func findsTheCommands() {
        let text = "a\n```sh\none\ntwo\n```\n```toml\nno = 1\n```\n```sh\nthree\n```\n"
        #expect(Self.blocks(of: text) == ["one\ntwo", "three"])
    }

    /// What stands between fences that say `sh`.
    private static func blocks(of text: String) -> [String] {
        text.components(separatedBy: "\n```sh\n").dropFirst().compactMap {
            $0.components(separatedBy: "\n```").first
        }
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place -> Int32 in
                guard bind(descriptor, place, length) == 0 else { return -1 }
                return getsockname(descriptor, place, &length)
            }
        }
        try #require(code == 0)
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Stand-ins for what a test must not do to the machine: install for all users, and speak to
    /// the machine's service manager. The daemon itself is the real one.
    private static let prelude = """
        set -euo pipefail
        log=$HOME/daemon.log
        daemon=
        opened=
        step() { printf '== %s\\n' "$1"; }
        make() {
            local prefix=$HOME/usr-local word
            for word in "$@"; do case $word in PREFIX=*) prefix=${word#PREFIX=} ;; esac; done
            # Nothing here asks for the simulator, which need not have been built.
            SWARM=$SWARM_UNDER_TEST SWARM_SIM=$SWARM_UNDER_TEST Tests/Support/install.sh "$prefix"
            hash -r
        }
        # As the unit says, at the test's port.
        export SWARM_API_LISTEN=127.0.0.1:$PORT
        begin() {
            install -d -m 700 "$XDG_RUNTIME_DIR/swarm"
            SWARM_API_SOCKET=$XDG_RUNTIME_DIR/swarm/api.sock swarm daemon >>"$log" 2>&1 &
            daemon=$!
            for _ in $(seq 300); do
                if curl -fs "http://127.0.0.1:$PORT/" >/dev/null; then return 0; fi
                kill -0 "$daemon" || { cat "$log"; return 1; }
                read -rt 0.1 <> <(:) || true
            done
            cat "$log"
            return 1
        }
        end() {
            [ -n "$daemon" ] || return 0
            local status=0
            kill -TERM "$daemon"
            wait "$daemon" || status=$?
            daemon=
            [ "$status" = 143 ] || { cat "$log"; return 1; }
        }
        systemctl() {
            case "$*" in
            *daemon-reload) ;;
            '--user enable --now swarm' | '--user start swarm') begin ;;
            '--user restart swarm')
                # From here on the manual's own file says where.
                unset SWARM_API_LISTEN
                end; begin ;;
            '--user stop swarm') end ;;
            '--user reload swarm') kill -HUP "$daemon" ;;
            '--user kill --signal=USR1 --kill-whom=main swarm') kill -USR1 "$daemon" ;;
            '--user status swarm') kill -0 "$daemon" ;;
            'enable --now swarm')
                [ ! -x /usr/bin/systemd-analyze ] ||
                    /usr/bin/systemd-analyze verify --man=no \\
                        "$HOME/usr-local/lib/systemd/system/swarm.service" ;;
            *) echo "no such stand-in: systemctl $*"; return 1 ;;
            esac
        }
        systemd-sysusers() {
            grep -q '^u swarm ' "$HOME/usr-local/lib/sysusers.d/swarm.conf"
        }
        sudo() { "$@"; }
        xdg-open() {
            curl -fs "$1" -o "$HOME/page"
            grep -qi '<!doctype html' "$HOME/page"
            opened=$1
            echo "opened $1"
        }
        journalctl() { tail -n 20 "$log"; }
        trap '[ -z "$daemon" ] || kill -KILL "$daemon"' EXIT

        """
}
