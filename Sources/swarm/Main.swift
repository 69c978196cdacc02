import ArgumentParser
import FoundationEssentials
import Glibc
import Terminal

@main
enum Main {
    static func main() async {
        StopSignals.install()
        let status = await run(
            Array(CommandLine.arguments.dropFirst()),
            environment: ProcessInfo.processInfo.environment)
        Console.standard.restore()
        exit(status.rawValue)
    }

    /// Parses and carries out; whatever goes wrong is said here, once.
    private static func run(
        _ arguments: [String], environment: [String: String]
    ) async -> ExitStatus {
        let wantsJSON = arguments.prefix { $0 != "--" }.contains("--json")
        Console.standard.configure(
            GlobalOptions.Choices(json: wantsJSON), environment: environment)
        do {
            let command = try CommandLineArguments.parse(arguments, environment: environment)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
            return .done
        } catch let failure as Failure {
            Console.standard.report(failure)
            return failure.status
        } catch let end as EarlyEnd {
            return end.status
        } catch {
            return finish(error)
        }
    }

    /// The parser's own ends: help, version, and what it cannot understand.
    private static func finish(_ error: any Error) -> ExitStatus {
        let text = Swarm.fullMessage(for: error)
        guard Swarm.exitCode(for: error) == .success else {
            let failure = Failure(.failed, nil, Swarm.message(for: error))
            Console.standard.report(failure)
            return failure.status
        }
        do throws(Failure) {
            try Console.standard.print(text)
            return .done
        } catch {
            Console.standard.report(error)
            return error.status
        }
    }
}
