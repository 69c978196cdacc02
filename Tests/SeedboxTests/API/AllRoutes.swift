@testable import Seedbox

/// A seedbox that speaks to nobody, in a folder of its own that goes with it.
func withSeedbox(_ body: @Sendable (Seedbox, String) async throws -> Void) async throws {
    let scratch = try ModelScratch()
    let test = try await TestBox.open("box", in: scratch)
    do {
        try await body(test.box, scratch.path + "/box")
    } catch {
        await test.box.shutdown()
        throw error
    }
    await test.box.shutdown()
}

/// The routes of all adapters, as the daemon serves them.
func withAllRoutes(_ body: @Sendable ([Route], Seedbox) async throws -> Void) async throws {
    try await withSeedbox { seedbox, _ async throws in
        try await body(allRoutes(seedbox), seedbox)
    }
}

func allRoutes(_ seedbox: Seedbox) -> [Route] {
    let logs = LogOutput(Settings.Log(), isJournal: false) { _ in }
    return Route.all(of: seedbox, counters: AutomationCounters(), logs: logs)
}
