import Discovery
import Logging
import SwarmEngine
import Terminal
import Units

extension NetworkOptions {
    /// Whether the session is of a network that is near, as these options say.
    var isLocal: Bool {
        var configuration = SessionConfiguration()
        apply(to: &configuration)
        return configuration.isLocal
    }

    /// The session that these options ask for.
    func sessionConfiguration(
        _ console: Console, stateFolder: String
    ) -> SessionConfiguration {
        var configuration = SessionConfiguration()
        apply(to: &configuration)
        configuration.stateDirectory = stateFolder
        configuration.logger = console.logger
        return configuration
    }

    private func apply(to configuration: inout SessionConfiguration) {
        configuration.port = port
        configuration.bindAddress = bind
        configuration.maxPeers = maxPeers
        configuration.uploadLimit = upLimit.rate
        configuration.downloadLimit = downLimit.rate
        configuration.usesTrackers = !without.noTrackers
        configuration.usesDHT = !without.noDHT
        if !dhtBootstrap.isEmpty {
            configuration.dhtBootstrap = dhtBootstrap.map {
                DHTPlace(host: $0.host, port: $0.port)
            }
        }
        configuration.usesLSD = !without.noLSD
        configuration.usesPEX = !without.noPEX
    }
}

extension Console {
    /// Where libraries log to.
    var logger: Logger {
        Logger(label: "swarm") { _ in LogLines(level: LogLines.level(options), console: self) }
    }
}
