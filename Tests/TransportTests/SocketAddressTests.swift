import NIOCore
import Testing
import Transport
import Units

@Suite struct SocketAddressTests {
    @Test func endpointsSurviveTheWayThroughSocketAddresses() throws {
        for text in ["192.0.2.1:6881", "[2001:db8::7]:51413", "127.0.0.1:1"] {
            let endpoint = try #require(Endpoint(text))
            #expect(Endpoint(try SocketAddress(endpoint)) == endpoint)
        }
    }
}
