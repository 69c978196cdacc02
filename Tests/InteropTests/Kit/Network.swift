import Foundation
import Synchronization

/// A machine of the test network: a network namespace with one cable to the switch.
struct Host: Sendable {
    let namespace: String
    let ipv4: String
    let ipv6: String

    /// The command, run on this machine.
    func command(_ arguments: [String]) -> [String] {
        ["ip", "netns", "exec", namespace] + arguments
    }

    /// Whether somebody accepts connections at the port, on the IPv6 address.
    func accepts(port: UInt16) async throws -> Bool {
        (try? await run(["bash", "-c", "exec 3<>/dev/tcp/\(ipv6)/\(port)"])) != nil
    }

    @discardableResult
    func run(_ arguments: [String], within limit: Duration = .seconds(30)) async throws -> String {
        try await InteropTests.run(command(arguments), within: limit)
    }
}

/// Namespaces on one switch. Nothing in it reaches the real network, and nothing of it outlives
/// `remove()`: the cables and the bridge live in the namespaces.
final class Network: Sendable {
    private static let prefix = "swarmtest"
    private static let counter = Atomic<Int>(0)

    private let name: String
    private let hostCount = Atomic<Int>(0)
    private let namespaces = Mutex<[String]>([])

    private init() {
        let number = Self.counter.add(1, ordering: .relaxed).newValue
        name = "\(Self.prefix)-\(getpid())-\(number)"
    }

    /// Whether this process may make namespaces; nil if it may, otherwise the reason why not.
    static let obstacle: String? = {
        guard geteuid() == 0 else { return "not root, so there are no network namespaces" }
        guard
            FileManager.default.isExecutableFile(atPath: "/usr/sbin/ip")
                || FileManager.default.isExecutableFile(atPath: "/sbin/ip")
        else { return "there is no 'ip' command (package iproute2)" }
        let probe = Process()
        probe.executableURL = URL(filePath: "/bin/sh")
        let name = "\(prefix)-\(getpid())-probe"
        probe.arguments = ["-c", "ip netns add \(name) && ip netns del \(name)"]
        probe.standardError = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return "no shell" }
        probe.waitUntilExit()
        return probe.terminationStatus == 0 ? nil : "'ip netns add' is refused"
    }()

    static func make() async throws -> Network {
        try await sweepOnce.value
        let network = Network()
        try await network.addNamespace("switch")
        try await network.ip("switch", "link add bridge type bridge")
        try await network.ip("switch", "link set bridge up")
        return network
    }

    /// Plugs one more machine into the switch.
    func addHost() async throws -> Host {
        let number = hostCount.add(1, ordering: .relaxed).newValue
        let (end, port) = ("h\(number)", "port\(number)")
        try await addNamespace(end)
        try await ip(
            "switch", "link add \(port) type veth peer name eth0 netns \(name)-\(end)")
        try await ip("switch", "link set \(port) master bridge up")
        let host = Host(
            namespace: "\(name)-\(end)", ipv4: "10.77.0.\(number)", ipv6: "fd77::\(number)")
        try await ip(end, "addr add \(host.ipv4)/24 dev eth0")
        try await ip(end, "addr add \(host.ipv6)/64 dev eth0 nodad")
        try await ip(end, "link set eth0 up")
        try await ip(end, "link set lo up")
        try await ip(end, "route add default dev eth0")
        return host
    }

    func remove() async {
        for namespace in namespaces.withLock({ $0 }) { await Self.remove(namespace) }
    }

    private func addNamespace(_ end: String) async throws {
        try await run(["ip", "netns", "add", "\(name)-\(end)"])
        namespaces.withLock { $0.append("\(name)-\(end)") }
    }

    private func ip(_ end: String, _ words: String) async throws {
        try await run(
            ["ip", "-n", "\(name)-\(end)"] + words.split(separator: " ").map(String.init))
    }

    /// Ends whatever still runs in the namespace, and removes it.
    private static func remove(_ namespace: String) async {
        let pids = (try? await run(["ip", "netns", "pids", namespace])) ?? ""
        for pid in pids.split(separator: "\n").compactMap({ pid_t($0) }) { kill(pid, SIGKILL) }
        _ = try? await run(["ip", "netns", "del", namespace])
    }

    /// Removes what runs that were killed have left behind.
    private static let sweepOnce = Task {
        let listed = try await run(["ip", "netns", "list"])
        for line in listed.split(separator: "\n") {
            let words = line.split { $0 == "-" || $0 == " " }
            guard words.count >= 3, words[0] == prefix, let pid = pid_t(words[1]) else { continue }
            guard kill(pid, 0) != 0, errno == ESRCH else { continue }
            await remove(String(line.prefix { $0 != " " }))
        }
    }
}
