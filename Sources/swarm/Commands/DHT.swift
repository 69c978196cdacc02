import ArgumentParser
import Discovery
import Hashing
import JSONText
import Kademlia
import Terminal
import Units

struct DHT: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dht",
        abstract: "Take part in the DHT, and ask it.",
        subcommands: [
            Node.self, Ping.self, Lookup.self, GetPeers.self, Announce.self, Get.self, Put.self,
        ])
}

extension DHT {
    struct Ping: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ping",
            abstract: "Ask whether there is a DHT node at an address.")

        @Argument(help: "The node.", transform: HostPort.init(_:))
        var node: HostPort

        @OptionGroup var options: DHTQueryOptions

        func run() async throws {
            let run = DHTRun(options)
            let endpoints = try await Resolver.endpoints(of: node)
            let findings = try await run.withNode(joins: false) { driver, _ in
                var findings: [DHTFinding] = []
                for endpoint in endpoints where findings.allSatisfy({ $0.answer == nil }) {
                    findings += try await run.ask(driver, [endpoint.family]) { _ in
                        .ping(endpoint)
                    }
                }
                return findings
            }
            guard let answer = findings.compactMap(\.answer).first else {
                throw Failure(.stalled, "\(node)", "no DHT node answers there")
            }
            let version = DHTText.version(answer.version)
            if options.common.json {
                return try run.console.print([
                    "endpoint": .string("\(answer.contact.endpoint)"),
                    "id": .string("\(answer.contact.id)"),
                    "round_trip": .number(answer.roundTrip.seconds),
                    "version": .optional(version),
                ])
            }
            let words = [
                "\(answer.contact.endpoint)", "\(answer.contact.id)",
                DHTText.millisecondsText(answer.roundTrip), version,
            ]
            try run.console.print(words.compactMap(\.self).joined(separator: "  "))
        }
    }

    struct Lookup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "lookup",
            abstract: "Find the nodes nearest to a target.")

        @Argument(
            help: "40 hexadecimal digits: an id, an info-hash, or where an item is.",
            transform: parseNodeID)
        var target: NodeID

        @OptionGroup var options: DHTQueryOptions

        func run() async throws {
            let run = DHTRun(options)
            let findings = try await run.withNode { [target] driver, families in
                try await run.ask(driver, families) { .lookup(target, $0) }
            }
            if options.common.json {
                return try run.console.print([
                    "target": .string("\(target)"),
                    "results": .array(
                        findings.map { DHTText.json($0, trace: options.trace) }),
                ])
            }
            for finding in findings {
                run.console.remark(DHTText.summary(finding))
                for contact in finding.result.closest {
                    let shared = contact.id.commonPrefixLength(with: target)
                    try run.console.print(
                        "\(contact.id)  \(countText(shared, "bit"))  \(contact.endpoint)")
                }
            }
        }
    }

    struct GetPeers: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "get-peers",
            abstract: "Find the peers of a torrent.",
            discussion: "Peers are written as they are found.")

        @Argument(help: "The torrent's info-hash.", transform: parseInfoHash)
        var hash: SHA1Digest

        @Flag(help: "Count seeds and peers too, which is a guess.")
        var scrape = false

        @OptionGroup var options: DHTQueryOptions

        func run() async throws {
            let run = DHTRun(options)
            let isJSON = options.common.json
            let findings = try await run.withNode { [hash, scrape] driver, families in
                let printed = Printed()
                return try await run.ask(driver, families) { family in
                    scrape ? .scrape(hash, family) : .getPeers(hash, family)
                } onEvent: { event in
                    guard !isJSON, case .peers(_, let peers, _) = event else { return }
                    for peer in printed.new(peers) { try run.console.print("\(peer)") }
                }
            }
            let peers = findings.flatMap(\.peers)
            guard isJSON else {
                for finding in findings { run.console.remark(DHTText.summary(finding)) }
                if let counts = Self.counts(findings) {
                    run.console.remark("about \(counts.seeds) seeds and \(counts.peers) peers")
                }
                return
            }
            var members: [JSON.Member] = [
                ("info_hash", .string("\(hash)")), ("peers", .strings(peers.map { "\($0)" })),
            ]
            if let counts = Self.counts(findings) {
                members.append(("seeds_counted", .integer(counts.seeds)))
                members.append(("peers_counted", .integer(counts.peers)))
            }
            members.append(
                ("results", .array(findings.map { DHTText.json($0, trace: options.trace) })))
            try run.console.print(JSON.object(members))
        }

        private static func counts(_ findings: [DHTFinding]) -> (seeds: Int64, peers: Int64)? {
            let counted = findings.compactMap(\.scraped)
            guard !counted.isEmpty else { return nil }
            let sums = counted.reduce((0.0, 0.0)) { ($0.0 + $1.seeds, $0.1 + $1.peers) }
            return (rounded(sums.0), rounded(sums.1))
        }

        private static func rounded(_ value: Double) -> Int64 {
            Int64(exactly: value.rounded()) ?? 0
        }
    }

    struct Announce: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "announce",
            abstract: "Announce once that there is a peer of a torrent here.",
            discussion: "Nodes forget it after half an hour or so.")

        @Argument(help: "The torrent's info-hash.", transform: parseInfoHash)
        var hash: SHA1Digest

        @Option(
            help: ArgumentHelp("The port that the peer accepts peers at.", valueName: "n"),
            transform: parsePort)
        var peerPort: UInt16

        @Flag(help: "Say that the peer has all of it.")
        var seed = false

        @OptionGroup var options: DHTQueryOptions

        func run() async throws {
            let run = DHTRun(options)
            let announcement = DHTAnnouncement(port: peerPort, isSeed: seed)
            let findings = try await run.withNode { [hash] driver, families in
                try await run.ask(driver, families) { family in
                    .getPeers(hash, family, announcing: announcement)
                }
            }
            let count = findings.reduce(0) { $0 + $1.result.storedCount }
            guard count > 0 else { throw Failure(.failed, "\(hash)", "no node took it") }
            if options.common.json {
                return try run.console.print([
                    "info_hash": .string("\(hash)"), "port": .integer(Int64(peerPort)),
                    "stored": .count(count),
                    "results": .array(
                        findings.map { DHTText.json($0, trace: options.trace) }),
                ])
            }
            try run.console.print("\(hash): announced to \(countText(count, "node"))")
        }
    }
}
