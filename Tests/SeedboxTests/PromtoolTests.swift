import Glibc
import Subprocess
import SystemPackage
import Testing

@testable import Seedbox

/// What Prometheus's own tool says of a page.
@Suite(.enabled(if: Promtool.isThere, "promtool is not installed"))
struct PromtoolTests {
    @Test func aPageOfAllFamiliesIsWithoutFault() async throws {
        let page = MetricsReading.sample().page
        #expect(try await Promtool.complaints(of: page.bytes) == "")
    }

    @Test func namesOfStrangersBreakNothing() async throws {
        let page = MetricsReading.sample(name: "a\"} 1\nswarm_up 2\n\\\u{0}\u{202E}{x=\"\r").page
        #expect(try await Promtool.complaints(of: page.bytes) == "")
    }
}

enum Promtool {
    static let path = "/usr/bin/promtool"
    static var isThere: Bool { access(path, X_OK) == 0 }

    /// Empty if it has none.
    static func complaints(of page: [UInt8]) async throws -> String {
        let result = try await run(
            .path(FilePath(path)), arguments: ["check", "metrics"], input: .array(page),
            output: .string(limit: 64 * 1024), error: .string(limit: 64 * 1024))
        let words = result.standardOutput + result.standardError
        return result.terminationStatus.isSuccess ? words : "\(result.terminationStatus) \(words)"
    }
}
