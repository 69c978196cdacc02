import ArgumentParser
import Discovery
import Glibc
import JSONText
import Kademlia
import Terminal
import Units

extension DHT {
    struct Node: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "node",
            abstract: "Be a node of the DHT, for others to begin with and to ask.",
            discussion: "It goes on until a signal ends it, and remembers the nodes that it met. "
                + "In a private network the first node needs no other: it waits for them.")

        @OptionGroup(title: "Network")
        var network: DHTOptions

        @Option(help: ArgumentHelp("The UDP port; 0 takes any.", valueName: "n"))
        var port: UInt16 = 6881

        @Flag(help: "Ask others without answering them, as where nobody can reach us.")
        var readOnly = false

        @Flag(
            help: ArgumentHelp(
                "Answer everybody as often as they ask, for measurements.",
                visibility: .hidden))
        var noLimits = false

        @Option(
            help: ArgumentHelp(
                "Begin with so many nodes that are made up, for measurements.",
                visibility: .hidden))
        var madeUpNodes = 0

        @OptionGroup(title: "Common options")
        var common: GlobalOptions

        func run() async throws {
            let console = common.configuredConsole()
            let signals = StopSignals.graceful()
            var configuration = network.configuration
            configuration.isReadOnly = readOnly
            configuration.limitsOff = noLimits
            configuration.madeUpNodeCount = madeUpNodes
            let stateFile = try common.places.tableFile()
            configuration.stateFile = stateFile
            try makeFolder(of: stateFile)
            let node: StandaloneDHT
            do throws(StandaloneDHT.StartError) {
                node = try await StandaloneDHT.start(
                    configuration, address: network.bind, port: port, logger: console.logger)
            } catch {
                throw Failure(.failed, nil, "\(error)")
            }
            try started(await node.driver.status, console)
            let report = Task { try await self.report(on: node.driver, console) }
            var status = ExitStatus.done
            for await number in signals {
                status = ExitStatus(signal: number)
                break
            }
            report.cancel()
            console.remark("stopping; once more ends at once")
            await node.shutdown()
            try EarlyEnd.check(status)
        }

        private func makeFolder(of file: String) throws(Failure) {
            let folder = try splitPath(file).folder
            // Existing folders are the usual case; what is wrong else is told when it is written.
            var made = ""
            for part in folder.split(separator: "/", omittingEmptySubsequences: false) {
                made += part + "/"
                if mkdir(made, 0o755) != 0, errno != EEXIST, made == folder + "/" {
                    throw Failure(.unwritable, folder, errno: errno)
                }
            }
        }

        private func started(
            _ status: DHTDriver.Status, _ console: Console
        ) throws(Failure) {
            let port = status.localEndpoints.first?.port ?? 0
            guard common.json else {
                for endpoint in status.localEndpoints {
                    guard let id = status.ids[endpoint.family] else { continue }
                    try console.print("\(endpoint)  \(id)")
                }
                return
            }
            try console.print([
                "event": "started", "port": .integer(Int64(port)),
                "endpoints": .strings(status.localEndpoints.map { "\($0)" }),
                "ids": .object(
                    AddressFamily.allCases.compactMap { family in
                        status.ids[family].map { (DHTText.name(family), .string("\($0)")) }
                    }),
            ])
        }

        /// Says now and then how it goes.
        private func report(on driver: DHTDriver, _ console: Console) async throws {
            var last = ""
            var interval = Duration.seconds(1)
            while true {
                try await Task.sleep(for: interval)
                let status = await driver.status
                if !status.nodeCounts.values.allSatisfy({ $0 == 0 }) { interval = .seconds(10) }
                guard common.showsProgress else { continue }
                let line = Self.line(status)
                if common.json {
                    try console.print(Self.json(status))
                } else if line != last {
                    console.remark(line)
                    last = line
                }
            }
        }

        private static func line(_ status: DHTDriver.Status) -> String {
            let counters = status.counters
            let nodes = AddressFamily.allCases.compactMap { family in
                status.nodeCounts[family].map { "\($0) \(DHTText.name(family))" }
            }
            let queries = countText(
                Int(clamping: counters.queriesReceived), "query", "queries")
            var parts = [
                "nodes: " + nodes.joined(separator: ", "), "\(queries) received",
                "\(counters.repliesSent) answered", "\(counters.queriesSent) sent",
            ]
            if let address = status.externalAddresses.first { parts.append("seen as \(address)") }
            return parts.joined(separator: "; ")
        }

        private static func json(_ status: DHTDriver.Status) -> JSON {
            let counters = status.counters
            let counts: [JSON.Member] = [
                ("packets_received", counters.packetsReceived),
                ("queries_received", counters.queriesReceived),
                ("replies_sent", counters.repliesSent),
                ("queries_limited", counters.queriesLimited),
                ("packets_rejected", counters.packetsRejected),
                ("queries_sent", counters.queriesSent),
                ("answers_received", counters.answersReceived),
                ("timeouts", counters.timeouts),
            ].map { ($0.0, .integer(Int64(clamping: $0.1))) }
            return [
                "event": "status",
                "nodes": .object(
                    AddressFamily.allCases.compactMap { family in
                        status.nodeCounts[family].map { (DHTText.name(family), .count($0)) }
                    }),
                "joined": .strings(
                    AddressFamily.allCases.filter(status.joined.contains).map(DHTText.name)),
                "external": .strings(status.externalAddresses.map { "\($0)" }),
                "counters": .object(counts),
            ]
        }
    }
}

extension GlobalOptions {
    var showsProgress: Bool { choices.showsProgress && !choices.isQuiet }
}
