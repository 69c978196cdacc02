import Glibc
import NIOCore
import NIOPosix
import Tracker
import Transport
import Units

/// An interface in one address family, as a place to announce on.
struct LocalLink: Hashable, Sendable {
    let name: String
    let index: Int
    let group: LocalAnnounce.Group
    /// The address that is announced from, in IPv4; in IPv6 the system chooses.
    let address: Endpoint

    /// One for each interface and family that has an address which others can dial.
    static func all(
        among devices: [NIONetworkDevice], bindAddress: String?, usesEveryInterface: Bool
    ) -> Set<LocalLink> {
        let bound = bindAddress.flatMap { Endpoint(addressText: $0, port: 0) }
        var names: [String: Set<Bool>] = [:]
        var links: Set<LocalLink> = []
        for device in devices where device.multicastSupported || usesEveryInterface {
            guard links.count < Limits.localLinksMax,
                let address = Endpoint(device.address)?.address,
                // Without its scope, which no announce can tell, it leads nowhere.
                address.isIPv4 || !address.isLinkLocal,
                bound.map({ $0 == address }) ?? true,
                names[device.name, default: []].insert(address.isIPv4).inserted
            else { continue }
            links.insert(
                LocalLink(
                    name: device.name, index: device.interfaceIndex,
                    group: address.isIPv4 ? .ipv4 : .ipv6, address: address))
        }
        return links
    }

    /// A socket that sends to the group through this interface, and hears what comes through it.
    func open(
        on eventLoop: any EventLoop, _ receiver: any ChannelHandler & Sendable
    ) -> EventLoopFuture<any Channel> {
        let here = self
        let bootstrap = DatagramBootstrap(group: eventLoop)
            .channelOption(.socketOption(.so_reuseaddr), value: 1)
            .channelOption(.socketOption(.init(rawValue: SO_REUSEPORT)), value: 1)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: Limits.datagramByteCountMax)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(receiver)
                }
            }
        do {
            // Bound to the group itself, so that nothing else arrives.
            let group = try SocketAddress(group.endpoint)
            return bootstrap.bind(to: group).flatMap { channel in
                here.join(group, channel).map { channel }.flatMapError { error in
                    channel.close(promise: nil)
                    return channel.eventLoop.makeFailedFuture(error)
                }
            }
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    private func join(_ group: SocketAddress, _ channel: any Channel) -> EventLoopFuture<Void> {
        let here = self
        let joined = channel.eventLoop.makePromise(of: Void.self)
        do {
            guard let multicast = channel as? any MulticastChannel else {
                throw ChannelError.operationUnsupported
            }
            multicast.joinGroup(group, device: try device, promise: joined)
        } catch {
            joined.fail(error)
        }
        return joined.futureResult.flatMap { here.setOptions(of: channel) }
    }

    private var device: NIONetworkDevice {
        get throws {
            let place = try SocketAddress(address)
            return NIONetworkDevice(
                name: name, address: place, netmask: nil, broadcastAddress: nil,
                pointToPointDestinationAddress: place, multicastSupported: true,
                interfaceIndex: index)
        }
    }

    /// One hop, so that no router carries it on; back to this host, for its other clients.
    private func setOptions(of channel: any Channel) -> EventLoopFuture<Void> {
        guard let options = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let settings: [EventLoopFuture<Void>]
        let onlyJoined: EventLoopFuture<Void>
        switch group {
        case .ipv4:
            // An `in_addr`, whose only member this is.
            let wayOut = options.unsafeSetSocketOption(
                level: .ip, name: .ip_multicast_if, value: (address.ipv4 ?? 0).bigEndian)
            settings = [wayOut, options.setIPMulticastTTL(1), options.setIPMulticastLoop(1)]
            onlyJoined = options.unsafeSetSocketOption(
                level: .ip, name: .init(rawValue: Self.ipMulticastAll), value: CInt(0))
        case .ipv6:
            settings = [
                options.setIPv6MulticastIF(CUnsignedInt(clamping: index)),
                options.setIPv6MulticastHops(1), options.setIPv6MulticastLoop(1),
            ]
            onlyJoined = options.unsafeSetSocketOption(
                level: .ipv6, name: .init(rawValue: Self.ipv6MulticastAll), value: CInt(0))
        }
        // Where the system cannot do the last, each socket hears what all have joined.
        return EventLoopFuture.andAllSucceed(settings, on: channel.eventLoop)
            .flatMap { onlyJoined.recover { _ in } }
    }

    /// `IP_MULTICAST_ALL` and `IPV6_MULTICAST_ALL` of Linux (ip(7), ipv6(7)): 0 hears the groups
    /// that this socket has joined and not those of others.
    private static let ipMulticastAll: CInt = 49
    private static let ipv6MulticastAll: CInt = 29
}

extension NIONetworkDevice {
    /// The addresses that are reached through it without a router.
    var network: LocalAnnounceMachine.Network? {
        guard let address = Endpoint(address), let mask = Endpoint(netmask) else { return nil }
        let ones = mask.addressBytes.reduce(0) { $0 + $1.nonzeroBitCount }
        return LocalAnnounceMachine.Network(address: address, prefixLength: ones)
    }
}
