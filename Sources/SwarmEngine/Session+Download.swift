import Discovery

extension Session {
    /// The bytes of a manifest on the web, which the user named by an http or https URL.
    ///
    /// - Parameter mayBeNear: whether it may be on this machine or one near to it.
    public static func download(
        url: String, maxBytes: Int, mayBeNear: Bool = true
    ) async throws(EngineError) -> [UInt8] {
        do throws(WebError) {
            return try await WebDownload.bytes(at: url, maxBytes: maxBytes, mayBeNear: mayBeNear)
        } catch {
            if case .privateAddress = error {
                throw .privateAddress(url: url, reason: "\(error)")
            }
            throw .download(url: url, reason: "\(error)")
        }
    }
}
