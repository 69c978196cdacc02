import Logging
import SwarmEngine
import Units

extension NetworkOptions {
    /// The session that these options ask for.
    func sessionConfiguration(
        _ console: Console, environment: [String: String]
    ) async throws(Failure) -> SessionConfiguration {
        var configuration = SessionConfiguration()
        configuration.port = port
        configuration.bindAddress = bind
        configuration.maxPeers = maxPeers
        configuration.uploadLimit = upLimit.rate
        configuration.downloadLimit = downLimit.rate
        configuration.usesTrackers = !noTrackers
        configuration.usesPEX = !noPEX
        configuration.usesLSD = !noLSD
        configuration.stateDirectory = try stateDirectory(environment: environment)
        configuration.logger = console.logger
        return configuration
    }
}

extension Console {
    /// Where libraries log to.
    var logger: Logger {
        Logger(label: "swarm") { _ in LogLines(level: LogLines.level(options), console: self) }
    }
}
