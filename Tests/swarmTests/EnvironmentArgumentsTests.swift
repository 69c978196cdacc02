import ArgumentParser
import Testing

@testable import swarm

@Suite(.ownThreads) struct EnvironmentArgumentsTests {
    private typealias Shape = EnvironmentArguments.Shape

    private let options = [
        Shape(longNames: ["port"], shortNames: [], takesValue: true, isRepeating: false),
        Shape(longNames: ["output"], shortNames: ["o"], takesValue: true, isRepeating: false),
        Shape(longNames: ["peer"], shortNames: [], takesValue: true, isRepeating: true),
        Shape(longNames: ["no-dht"], shortNames: [], takesValue: false, isRepeating: false),
        Shape(
            longNames: ["seed", "no-seed"], shortNames: [], takesValue: false, isRepeating: false),
        Shape(longNames: ["verbose"], shortNames: ["v"], takesValue: false, isRepeating: true),
    ]

    private func added(_ arguments: [String], _ environment: [String: String]) -> [String] {
        EnvironmentArguments.added(to: arguments, options: options, environment: environment)
    }

    @Test func anOptionTakesItsNameFromTheOption() {
        #expect(EnvironmentArguments.variable(for: "up-limit") == "SWARM_UP_LIMIT")
        #expect(added(["fetch", "x"], ["SWARM_PORT": "7"]) == ["--port=7"])
        #expect(added(["fetch", "x"], ["SWARM_BOGUS": "7", "PORT": "8"]) == [])
    }

    @Test func whatTheUserGaveWins() {
        let environment = ["SWARM_PORT": "7", "SWARM_OUTPUT": "d", "SWARM_SEED": "1"]
        #expect(added(["--port", "8", "-o", "e", "--no-seed"], environment) == [])
        #expect(added(["--port=8", "--output=e", "--seed"], environment) == [])
        #expect(added(["-vo", "e", "--seed"], environment) == ["--port=7"])
        // After the terminator there are no options.
        #expect(added(["--seed", "-o", "e", "--", "--port"], environment) == ["--port=7"])
    }

    @Test func switchesAreOnUnlessTheValueSaysNo() {
        #expect(added([], ["SWARM_NO_DHT": "1"]) == ["--no-dht"])
        #expect(added([], ["SWARM_NO_DHT": "yes"]) == ["--no-dht"])
        for off in ["", "0", "no", "off", "False"] {
            #expect(added([], ["SWARM_NO_DHT": off]) == [])
        }
        #expect(added([], ["SWARM_VERBOSE": "2"]) == ["--verbose", "--verbose"])
        #expect(added([], ["SWARM_VERBOSE": "1000000"]).count == 9)
        #expect(added([], ["SWARM_NO_SEED": "true"]) == ["--no-seed"])
    }

    @Test func listsAreSeparatedBySpacesOrLines() {
        #expect(added([], ["SWARM_PEER": "a:1  b:2"]) == ["--peer=a:1", "--peer=b:2"])
        #expect(added([], ["SWARM_PEER": "a b\nc"]) == ["--peer=a b", "--peer=c"])
        #expect(added(["--peer", "x:1"], ["SWARM_PEER": "a:1"]) == [])
        #expect(added([], ["SWARM_PEER": ""]) == [])
        #expect(added([], ["SWARM_PORT": ""]) == [])
    }

    @Test func whoWantsNoFileOfSettingsGetsNoneByTheEnvironment() {
        let options = EnvironmentArguments.options(of: List.self)
        let added = { (words: String...) in
            EnvironmentArguments.added(
                to: words, options: options, environment: ["SWARM_CONFIG": "c.toml"])
        }
        #expect(added("list") == ["--config=c.toml"])
        #expect(added("list", "--no-config") == [])
    }

    @Test func everyOptionOfEveryCommandHasAVariable() {
        for command in Swarm.subcommands {
            let names = command.configuration.commandName.map { [$0] } ?? []
            for option in EnvironmentArguments.options(of: command) {
                #expect(!option.longNames.isEmpty, "\(names) has an option without a long name")
            }
        }
    }
}
