import ArgumentParser
import Glibc
import Terminal

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

/// Results go to the standard output, complaints to the standard error.
enum Output {
    static func print(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }

    static func complain(_ text: String) { write("swarm-sim: \(text)\n", to: STDERR_FILENO) }

    static func remark(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// A reader that has gone away is no reason to complain to it.
    private static func write(_ text: String, to descriptor: Int32) {
        _ = writeAll(text, to: descriptor)
    }
}
