import Discovery
import Foundation
import Logging
import NIOCore
import PeerWire
import Transport
import Units

/// The port of a session: peers are accepted there over TCP, and UDP is spoken from there.
struct Ports {
    let port: UInt16
    let sockets: [UDPSocket]

    /// Opens the port that is asked for, or one that is free for both.
    static func open(
        _ configuration: SessionConfiguration, _ network: PeerNetwork, _ reception: Reception
    ) async throws(EngineError) -> Ports {
        var attempt = 1
        while true {
            let port = try await listen(configuration, network, reception)
            guard configuration.speaksOverUDP else { return Ports(port: port, sockets: []) }
            let (sockets, isTaken) = await bind(configuration, port: port)
            guard isTaken else { return Ports(port: port, sockets: sockets) }
            // Somebody else has the port over UDP. Another one does as well if any may be taken.
            guard configuration.port == 0, attempt < Limits.portAttemptsMax else {
                for socket in sockets { await socket.close() }
                return Ports(port: port, sockets: await bindUDP(configuration, port: port))
            }
            for socket in sockets { await socket.close() }
            await network.close()
            attempt += 1
        }
    }

    /// Opens another port in place of the one that there is. Where UDP cannot have it, any other
    /// is taken for that.
    static func move(
        _ configuration: SessionConfiguration, _ network: PeerNetwork, _ reception: Reception
    ) async throws(EngineError) -> Ports {
        let port = try await listen(configuration, network, reception, moves: true)
        guard configuration.speaksOverUDP else { return Ports(port: port, sockets: []) }
        return Ports(port: port, sockets: await bindUDP(configuration, port: port))
    }

    static func bindUDP(
        _ configuration: SessionConfiguration, port: UInt16
    ) async -> [UDPSocket] {
        let (sockets, isTaken) = await bind(configuration, port: port)
        guard isTaken else { return sockets }
        configuration.logger.warning(
            "the port is taken for UDP", metadata: ["port": "\(port)"])
        for socket in sockets { await socket.close() }
        return await bind(configuration, port: 0).sockets
    }

    private static func listen(
        _ configuration: SessionConfiguration, _ network: PeerNetwork, _ reception: Reception,
        moves: Bool = false
    ) async throws(EngineError) -> UInt16 {
        let port = configuration.port
        do {
            return try await network.listen(port: port, insteadOfBefore: moves) { channel, remote in
                let id = network.newID()
                guard reception.admits(remote, as: id) else { return nil }
                return PeerConduit(id: id, accepted: channel, remote: remote, owner: reception)
            }
        } catch {
            // Of the port there is nothing to say then.
            if let address = configuration.bindAddress,
                (error as? IOError)?.errnoCode == EADDRNOTAVAIL
            {
                throw .badAddress(address)
            }
            throw .cannotListen(port: port, reason: reason(error))
        }
    }

    /// One socket of each address family; a host may lack either.
    private static func bind(
        _ configuration: SessionConfiguration, port: UInt16
    ) async -> (sockets: [UDPSocket], isTaken: Bool) {
        let addresses = configuration.bindAddress.map { [$0] } ?? ["0.0.0.0", "::"]
        var sockets: [UDPSocket] = []
        var isTaken = false
        for address in addresses {
            guard let endpoint = Endpoint(addressText: address, port: port) else { continue }
            do {
                sockets.append(try await UDPSocket.bind(to: endpoint))
            } catch {
                if (error as? IOError)?.errnoCode == EADDRINUSE { isTaken = true }
            }
        }
        return (sockets, isTaken)
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }
}

extension SessionConfiguration {
    fileprivate var speaksOverUDP: Bool { usesTrackers || usesDHT }
}
