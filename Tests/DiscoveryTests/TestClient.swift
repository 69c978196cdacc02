import Hashing
import Logging
import NIOCore
import Testing
import Tracker
import Units

@testable import Discovery

let testHash = SHA1Digest(hex: "00252b7e41ff2f3a26202d5f2e7a390a0d3f3d80") ?? .zero

func testRequest(
    _ change: (inout AnnounceRequest) -> Void = { _ in }
) -> AnnounceRequest {
    var request = AnnounceRequest(
        infoHash: testHash, peerID: Array("-SW0100-abcdefghijkl".utf8), port: 6881, left: 3,
        event: .started, key: 0xAB)
    change(&request)
    return request
}

/// The log goes nowhere: tests look at what happens.
let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A client for one test, which is shut down behind it.
///
/// - Parameter names: what the names of the test lead to instead of what the system says.
func withClient<Value>(
    names: [String: [Endpoint]] = [:], sockets: [UDPSocket] = [],
    configure: (inout TrackerClient.Configuration) -> Void = { _ in },
    _ body: (TrackerClient) async throws -> Value
) async throws -> Value {
    var configuration = TrackerClient.Configuration()
    configuration.trustedCertificateFiles = [fixture("Certificates/authority.pem")]
    configure(&configuration)
    let resolver = NameResolver { names[$0] ?? systemLookUp($0) }
    let client = await TrackerClient(
        configuration, group: testLoops, sockets: sockets, resolver: resolver,
        logger: silentLogger)
    do {
        let value = try await body(client)
        await client.shutdown()
        return value
    } catch {
        await client.shutdown()
        throw error
    }
}

extension TrackerClient {
    func announce(
        _ url: String, _ request: AnnounceRequest = testRequest()
    ) async throws -> AnnounceResponse {
        try await announce(request, to: try TrackerURL(url), .event)
    }

    /// The error with which an announce fails.
    func failure(of url: String) async -> TrackerError? {
        do {
            _ = try await announce(url)
            return nil
        } catch let error as TrackerError {
            return error
        } catch {
            Issue.record("\(url): \(error)")
            return nil
        }
    }
}
