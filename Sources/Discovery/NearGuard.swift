public import AsyncHTTPClient
import NIOCore
import Tracker
import Transport
import Units

extension HTTPClient.Configuration {
    /// Keeps requests from going to this machine or those near to it, whatever a URL, a redirect or
    /// a name server says. It looks at the address that was connected to: a name may be bound to
    /// another one after it was looked up. Only HTTP/1.1 is spoken, as only that can be watched so.
    public mutating func refuseNearAddresses() {
        httpVersion = .http1Only
        http1_1ConnectionDebugInitializer = refuseNearConnection
    }
}

/// Closes a connection that has led near to us, before anything was asked over it.
@Sendable
private func refuseNearConnection(_ channel: any Channel) -> EventLoopFuture<Void> {
    guard let address = channel.remoteAddress, let endpoint = Endpoint(address) else {
        channel.close(promise: nil)
        return channel.eventLoop.makeFailedFuture(ChannelError.unknownLocalAddress)
    }
    guard endpoint.isNear || endpoint.isMulticast else {
        return channel.eventLoop.makeSucceededVoidFuture()
    }
    channel.close(promise: nil)
    return channel.eventLoop.makeFailedFuture(TrackerError.forbiddenAddress(endpoint))
}
