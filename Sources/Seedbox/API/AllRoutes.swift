extension Route {
    /// The routes of all adapters over one seedbox: all that the daemon serves, and all that the
    /// tests of hostile requests try.
    public static func all(
        of seedbox: Seedbox, counters: AutomationCounters, logs: LogOutput? = nil
    ) -> [Route] {
        APIRoutes(seedbox, logs: logs).routes + TransmissionRPC(seedbox).routes
            + Metrics(seedbox, counters: counters).routes + WebPage.routes
    }
}
