extension Route {
    /// The routes of all adapters over one seedbox: all that the daemon serves.
    public static func all(of seedbox: Seedbox, logs: LogOutput? = nil) -> [Route] {
        APIRoutes(seedbox, logs: logs).routes + TransmissionRPC(seedbox).routes + WebPage.routes
    }
}
