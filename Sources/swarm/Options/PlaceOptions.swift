import ArgumentParser
import FoundationEssentials
import Seedbox
import Terminal

/// Where settings and state are kept: what every command takes, so that one line, or one file of
/// variables, fits all of them.
struct PlaceOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's file of settings, for it and for those who speak to it; "
                + "swarm/config.toml in XDG_CONFIG_HOME unless given.",
            valueName: "file"),
        completion: .file(extensions: ["toml"]))
    var config: String?

    @Flag(name: .customLong("no-config"), help: "Read no file of settings.")
    var noConfig = false

    @Option(
        help: ArgumentHelp(
            "Where is kept what must not be forgotten; swarm in XDG_STATE_HOME unless given.",
            valueName: "dir"),
        completion: .directory)
    var stateDir: String?

    /// The file of settings alone, which the environment and options may add to.
    func sources(_ environment: [String: String]) -> SettingsSources {
        var sources = SettingsSources()
        sources.environment = environment
        if let config {
            sources.file = absolutePath(config)
            sources.isFileNamed = true
        } else if !noConfig {
            sources.file = SettingsSources.standardFile(environment)
        }
        return sources
    }

    /// The folder of the state: the one that was asked for, or what the XDG base directory
    /// specification says.
    func stateFolder(environment: [String: String]) throws(Failure) -> String {
        if let stateDir { return stateDir }
        // Relative values are to be ignored, says the specification.
        if let base = environment["XDG_STATE_HOME"], base.hasPrefix("/") { return base + "/swarm" }
        if let home = environment["HOME"], home.hasPrefix("/") {
            return home + "/.local/state/swarm"
        }
        throw Failure(
            .badConfiguration, "HOME", "is not set", remedy: "name a folder with --state-dir")
    }
}

/// What the user means by a path, wherever it is looked for from.
func absolutePath(_ path: String) -> String {
    guard !path.hasPrefix("/"), !path.hasPrefix("~"), path != "none", !path.isEmpty else {
        return path
    }
    let folder = FileManager.default.currentDirectoryPath
    return folder + "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
}
