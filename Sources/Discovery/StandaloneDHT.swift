import Glibc
public import Logging
import NIOCore
import Units

/// A node of the DHT with sockets of its own, for who has no session.
public final class StandaloneDHT: Sendable {
    /// Why there is no node.
    public enum StartError: Error, Hashable, Sendable, CustomStringConvertible {
        /// Not an IP address.
        case badAddress(String)
        case cannotBind(port: UInt16, reason: String)

        public var description: String {
            switch self {
            case .badAddress(let text): "\(text): not an IP address"
            case .cannotBind(let port, let reason): "UDP port \(port): \(reason)"
            }
        }
    }

    public let driver: DHTDriver
    private let sockets: [UDPSocket]

    private init(driver: DHTDriver, sockets: [UDPSocket]) {
        self.driver = driver
        self.sockets = sockets
    }

    /// Starts a node at `port` of `address`, or of all addresses.
    ///
    /// - Parameter port: 0 for any that is free.
    public static func start(
        _ configuration: DHTDriver.Configuration, address: String?, port: UInt16, logger: Logger
    ) async throws(StartError) -> StandaloneDHT {
        if let address, Endpoint(addressText: address, port: 0) == nil {
            throw .badAddress(address)
        }
        let sockets: [UDPSocket]
        do {
            sockets = try await UDPSocket.bindFamilies(address: address, port: port)
        } catch {
            throw .cannotBind(port: port, reason: Self.reason(error))
        }
        guard
            let driver = await DHTDriver.start(configuration, sockets: sockets, logger: logger)
        else {
            throw .cannotBind(port: port, reason: "no address family")
        }
        return StandaloneDHT(driver: driver, sockets: sockets)
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError, let text = strerror(error.errnoCode) else {
            return "\(error)"
        }
        return String(cString: text)
    }

    /// Saves the table, and ends.
    public func shutdown() async {
        await driver.shutdown()
        for socket in sockets { await socket.close() }
    }
}
