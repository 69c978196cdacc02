import ArgumentParser
import Glibc

@main
enum Main {
    static func main() {
        exit(run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    /// Parses and carries out; whatever goes wrong is said here, once.
    private static func run(_ arguments: [String]) -> ExitStatus {
        do {
            var command = try SwarmSim.parseAsRoot(arguments)
            try command.run()
            return .done
        } catch let failure as Failure {
            Output.complain(failure.message)
            return failure.status
        } catch let end as EarlyEnd {
            return end.status
        } catch {
            guard SwarmSim.exitCode(for: error) == .success else {
                Output.complain(SwarmSim.message(for: error))
                return .badUsage
            }
            Output.print(SwarmSim.fullMessage(for: error))
            return .done
        }
    }
}

/// The command without a subcommand.
struct SwarmSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm-sim",
        abstract: "Run networks of thousands of nodes on a virtual clock.",
        subcommands: [List.self, Run.self, Sweep.self, CompareOverlays.self])
}

/// How the process ends, so that a script can tell why without reading the message.
enum ExitStatus: Int32, Sendable {
    case done = 0
    case failed = 1
    case badUsage = 2
    case unreadableSource = 4
    case unwritableTarget = 5
    /// What the scenario expects did not come true.
    case verificationFailed = 6
}

/// Why a command did not do what it was asked.
struct Failure: Error {
    let status: ExitStatus
    let message: String
}

/// Ends a command whose words have been said.
struct EarlyEnd: Error {
    let status: ExitStatus
}

/// Results go to the standard output, complaints to the standard error.
enum Output {
    static func print(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    static func complain(_ text: String) { write("swarm-sim: \(text)\n", to: STDERR_FILENO) }

    static func remark(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// A reader that has gone away is no reason to complain to it.
    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
