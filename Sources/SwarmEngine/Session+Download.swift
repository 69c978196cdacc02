import Discovery

extension Session {
    /// The bytes of a manifest on the web, which the user named by an http or https URL.
    public static func download(
        url: String, maxBytes: Int
    ) async throws(EngineError) -> [UInt8] {
        do throws(WebError) {
            return try await WebDownload.bytes(at: url, maxBytes: maxBytes)
        } catch {
            throw .download(url: url, reason: "\(error)")
        }
    }
}
