import Testing
import Units

@Suite struct EndpointTests {
    @Test func readsBackWhatItPrints() {
        for text in [
            "192.0.2.1:6881", "[2001:db8::1]:1", "[::]:0", "[::1]:65535", "[fe80::1:0:0:1]:9",
        ] {
            #expect(Endpoint(text)?.description == text)
        }
    }
}
