import Hashing
import Testing

@Suite struct DigestTests {
    @Test func hashesTheEmptyStringAsFIPS180Says() {
        #expect("\(SHA1Digest.hash([]))" == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    }
}
