import ArgumentParser
import Bencode
import Discovery
import Glibc
import Hashing
import JSONText
import Kademlia
import Synchronization
import Terminal
import Units

/// Peers that were written already, for the tasks of both address families.
final class Printed: Sendable {
    private let known = Mutex<Set<Endpoint>>([])

    func new(_ peers: [Endpoint]) -> [Endpoint] {
        known.withLock { known in peers.filter { known.insert($0).inserted } }
    }
}

extension DHT {
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get",
            abstract: "Get an item: an immutable one by its target, a mutable one by its key.",
            discussion: "Strings are written as text, other values as bencoding.")

        @Argument(
            help: "The target of an immutable item: 40 hexadecimal digits.",
            transform: parseNodeID)
        var target: NodeID?

        @Option(
            help: ArgumentHelp(
                "The public key of a mutable item: 64 hexadecimal digits.", valueName: "key"),
            transform: parsePublicKey)
        var key: Ed25519PublicKey?

        @Option(
            help: ArgumentHelp(
                "What tells apart the mutable items of a key.", valueName: "text"))
        var salt = ""

        @OptionGroup var options: DHTQueryOptions

        func validate() throws {
            if (target == nil) == (key == nil) {
                throw ValidationError("give either a target or --key")
            }
            if key == nil, !salt.isEmpty { throw ValidationError("--salt needs --key") }
            try checkSalt(salt)
        }

        func run() async throws {
            let run = DHTRun(options)
            let salt = Array(salt.utf8)
            let place = key.map { DHTItem.target(key: $0, salt: salt) } ?? target ?? .zero
            let findings = try await run.withNode { [key] driver, families in
                try await run.ask(driver, families) { family in
                    if let key { return .getMutable(key, salt: salt, family) }
                    return .getImmutable(place, family)
                }
            }
            guard let item = newest(findings) else {
                throw Failure(.failed, "\(place)", "no node has an item there")
            }
            guard options.common.json else {
                return try run.console.print(terminalSafe(DHTText.value(item)))
            }
            var members = DHTText.json(item, at: place)
            members.append(
                ("results", .array(findings.map { DHTText.json($0, trace: options.trace) })))
            try run.console.print(JSON.object(members))
        }
    }

    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "put",
            abstract: "Store an item, immutable unless a key is given.",
            discussion: "Nodes keep it for two hours. Of a mutable item the newest counts, that "
                + "with the highest sequence number.")

        @Argument(help: "The value: a text, stored as a string.")
        var value: String

        @Flag(help: "The value is bencoding, as i42e or l4:spami42ee.")
        var bencoded = false

        @Option(
            help: ArgumentHelp(
                "A file with the secret key of a mutable item, 64 hexadecimal digits; it is made "
                    + "if there is none.", valueName: "file"),
            completion: .file())
        var keyFile: String?

        @Option(
            help: ArgumentHelp(
                "What tells apart the mutable items of a key.", valueName: "text"))
        var salt = ""

        @Option(
            help: ArgumentHelp(
                "The sequence number; one more than the newest unless given.", valueName: "n"),
            transform: parseSequence)
        var seq: Int64?

        @Option(
            help: ArgumentHelp(
                "Store only where the newest has this sequence number.", valueName: "n"),
            transform: parseSequence)
        var cas: Int64?

        @OptionGroup var options: DHTQueryOptions

        func validate() throws {
            if keyFile == nil, seq != nil || cas != nil || !salt.isEmpty {
                throw ValidationError("--salt, --seq and --cas need --key-file")
            }
            try checkSalt(salt)
            guard DHTItem.isCanonical(bytes) else {
                throw ValidationError(
                    bencoded
                        ? "the value is not canonical bencoding of at most 1000 bytes"
                        : "the value is longer than 1000 bytes")
            }
        }

        private var bytes: [UInt8] {
            bencoded ? Array(value.utf8) : Bencode.string(value).encoded()
        }

        func run() async throws {
            let run = DHTRun(options)
            let salt = Array(salt.utf8)
            let seed = try keyFile.map { path throws(Failure) in
                try KeyFile.seed(path, console: run.console)
            }
            let (item, findings) = try await run.withNode { driver, families in
                let item = try await makeItem(seed: seed, salt, run, driver, families)
                let findings = try await run.ask(driver, families) { [cas] family in
                    .put(item, salt: salt, expecting: cas, family)
                }
                return (item, findings)
            }
            try report(item, at: item.target(salt: salt), findings, run)
        }

        private func makeItem(
            seed: [UInt8]?, _ salt: [UInt8], _ run: DHTRun, _ driver: DHTDriver,
            _ families: [AddressFamily]
        ) async throws -> DHTItem {
            guard let seed else { return DHTItem(value: bytes) }
            guard let key = Ed25519PrivateKey(seed: seed) else {
                throw Failure(.unreadableSource, keyFile, "is not a key")
            }
            let publicKey = key.publicKey
            var sequence = seq
            if sequence == nil {
                let found = try await run.ask(driver, families) { family in
                    .getMutable(publicKey, salt: salt, family)
                }
                let newest = newest(found)?.signed?.sequence
                sequence = newest.map { $0.addingSaturating(1) } ?? 1
            }
            let item = DHTItem(
                value: bytes, sequence: sequence ?? 1, salt: salt, signingWith: key)
            guard let item else { throw Failure(.badUsage, nil, "the value cannot be stored") }
            return item
        }

        private func report(
            _ item: DHTItem, at target: NodeID, _ findings: [DHTFinding], _ run: DHTRun
        ) throws {
            let count = findings.reduce(0) { $0 + $1.result.storedCount }
            guard count > 0 else {
                let newest = findings.compactMap(\.result.sequence).max()
                let isConflict = findings.contains { $0.result.isConflict }
                guard isConflict, let newest else {
                    throw Failure(.failed, "\(target)", "no node took it")
                }
                throw Failure(
                    .failed, "\(target)", "there is an item with the sequence number \(newest)",
                    remedy: "get it, and put with --cas \(newest)")
            }
            guard options.common.json else {
                let number = item.signed.map { ", sequence number \($0.sequence)" } ?? ""
                if let key = item.signed?.key { run.console.remark("public key \(key)") }
                run.console.remark("stored at \(countText(count, "node"))\(number)")
                return try run.console.print("\(target)")
            }
            var members = DHTText.json(item, at: target)
            members.append(("stored", .count(count)))
            members.append(
                ("results", .array(findings.map { DHTText.json($0, trace: options.trace) })))
            try run.console.print(JSON.object(members))
        }
    }
}

/// Of several items the one with the highest sequence number.
private func newest(_ findings: [DHTFinding]) -> DHTItem? {
    findings.flatMap(\.items).max {
        ($0.signed?.sequence ?? 0) < ($1.signed?.sequence ?? 0)
    }
}

private func checkSalt(_ salt: String) throws {
    guard salt.utf8.count <= Limits.saltBytesMax else {
        throw ValidationError("the salt is longer than \(Limits.saltBytesMax) bytes")
    }
}

private func parseSequence(_ text: String) throws(ValueFault) -> Int64 {
    guard let number = Int64(text), number >= 0 else { throw .outOfRange }
    return number
}

/// The secret key of mutable items, in a file that nobody else may read.
enum KeyFile {
    /// The seed of the key. A file that is not there is made, with a new key.
    static func seed(_ path: String, console: Console) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw Failure(.unreadableSource, path, errno: errno) }
            return try make(path, console)
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 2 * Ed25519PrivateKey.seedByteCount + 8)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw Failure(.unreadableSource, path, errno: errno) }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        guard text.count == 1, let digits = text.first, let digest = SHA256Digest(hex: digits)
        else {
            throw Failure(
                .unreadableSource, path, "is not a secret key of 64 hexadecimal digits")
        }
        return digest.bytes
    }

    private static func make(_ path: String, _ console: Console) throws(Failure) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        let seed = (0..<Ed25519PrivateKey.seedByteCount).map { _ in
            UInt8.random(in: 0...255, using: &generator)
        }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(.unwritable, path, errno: errno) }
        defer { close(descriptor) }
        let code = writeAll(Array((hexText(seed) + "\n").utf8), to: descriptor)
        guard code == 0 else { throw Failure(.unwritable, path, errno: code) }
        console.remark("\(path): made a new key; whoever has it can change what it signs")
        return seed
    }
}
