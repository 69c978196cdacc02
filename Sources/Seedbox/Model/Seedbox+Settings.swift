import Discovery
import Logging
import Storage
import SwarmEngine
import Synchronization
import Units

// MARK: - Settings that change while it runs

extension Seedbox {
    /// Changes settings, kept over restarts.
    public func changeSettings(_ later: SettingsChanges) async throws(SeedboxError) {
        await enterSettings()
        defer { leaveSettings() }
        guard !isStopping else { throw .stopping }
        var changes = changes
        changes.merge(later.byThing(over: settings))
        var new = try givenSettings.applying(changes)
        var byHand: AlternativeByHand?
        if let isOn = later.alternativeIsOn, !new.limits.schedule.spans.isEmpty {
            let minute = Self.minuteOfWeek(now: Self.now)
            byHand = AlternativeByHand(
                isOn: isOn, isScheduled: new.limits.schedule.contains(minuteOfWeek: minute))
            // Kept, it would come back once there is no schedule.
            changes.forgetAlternative()
            new = try givenSettings.applying(changes)
        }
        try mayLeave(new)
        try await take(new, changes) {
            if byHand != nil || later.resetsAlternative { alternativeByHand = byHand }
        }
    }

    /// Lets the file, the environment and options decide again over settings, or over single
    /// categories and groups (`categories.films`), that were changed at run time.
    public func resetSettings(_ names: [String]) async throws(SeedboxError) {
        var changes = SettingsChanges()
        for name in names { try changes.reset(name) }
        try await changeSettings(changes)
    }

    /// A category that new torrents are to have must stay: they would fail, one after the other.
    private func mayLeave(_ new: Settings) throws(SeedboxError) {
        let remaining = Set(new.categories.map(\.name))
        let gone = Set(settings.categories.map(\.name)).subtracting(remaining)
        for folder in new.watch {
            guard let name = folder.category, gone.contains(name) else { continue }
            throw .badValue(
                field: "categories",
                reason: "torrents of the watch folder \(folder.folder) are to be in '\(name)'")
        }
        guard let name = new.adding.category, gone.contains(name) else { return }
        throw .badValue(
            field: "categories", reason: "adding.category puts new torrents into '\(name)'")
    }

    /// What file, environment and options say now. What was changed at run time stays over it.
    public func reload(_ settings: Settings) async throws(SeedboxError) {
        await enterSettings()
        defer { leaveSettings() }
        guard !isStopping else { throw .stopping }
        let (effective, leftOut) = settings.restoring(changes)
        for name in leftOut {
            log.warning(
                "a setting that was changed earlier does not hold any more",
                metadata: ["setting": "\(name)"])
        }
        try await take(effective, changes, given: settings)
    }

    /// One change at a time: another port takes a while, and a change that began in between would
    /// be lost.
    private func enterSettings() async {
        guard settingsAreChanging else {
            settingsAreChanging = true
            return
        }
        await withCheckedContinuation { settingsWaiters.append($0) }
    }

    private func leaveSettings() {
        guard !settingsWaiters.isEmpty else {
            settingsAreChanging = false
            return
        }
        settingsWaiters.removeFirst().resume()
    }

    private func take(
        _ settings: Settings, _ changes: SettingsChanges, given: Settings? = nil,
        thatDone follow: () -> Void = {}
    ) async throws(SeedboxError) {
        let port = self.settings.network.port
        let changes = changes.removing(onlyFrom: given ?? givenSettings)
        try await listen(at: settings.network.port)
        let text = changes.text
        do throws(SeedboxError) {
            try stored { store throws(SessionStoreError) in
                try store.set(text, named: Self.settingsName)
            }
        } catch {
            try? await session.listen(at: port)
            throw error
        }
        self.changes = changes
        shared.changedSettings.withLock { $0 = changes.names }
        if let given { givenSettings = given }
        if settings.limits.schedule != self.settings.limits.schedule { alternativeByHand = nil }
        shared.settings.withLock { $0 = settings }
        follow()
        alternativeByHand?.isKept = settings.limits.alternativeIsOn
        if let isOn = alternativeByHand?.isOn { showAlternative(isOn) }
        leaveWhatIsGone(settings)
        forgetLiftedLimits()
        ratesInUse = nil
        await followRates(now: Self.now)
        followQueue()
    }

    /// What is done by hand is shown as long as it holds, though it is not kept.
    func showAlternative(_ isOn: Bool) {
        shared.settings.withLock { $0.limits.alternativeIsOn = isOn }
    }

    /// First of all, as this may fail.
    private func listen(at port: UInt16) async throws(SeedboxError) {
        guard port != settings.network.port else { return }
        do throws(EngineError) {
            try await session.listen(at: port)
        } catch {
            throw .badValue(field: "network.port", reason: "\(error)")
        }
    }

    /// Torrents of a category or group that is no more have none.
    private func leaveWhatIsGone(_ settings: Settings) {
        let categories = Set(settings.categories.map(\.name))
        let groups = Set(settings.limits.groups.map(\.name))
        let ids = catalogue.withRows { rows in
            rows.filter { row in
                row.category.map { !categories.contains($0) } ?? false
                    || row.group.map { !groups.contains($0) } ?? false
            }.map(\.id)
        }
        for id in ids {
            catalogue.update(id) { row in
                row.category = row.category.flatMap { categories.contains($0) ? $0 : nil }
                row.group = row.group.flatMap { groups.contains($0) ? $0 : nil }
            }
        }
        do throws(SeedboxError) { try save(ids) } catch { say(error) }
    }

    public nonisolated var categories: [Category] { settings.categories }

    /// Makes a category, or changes the one of that name.
    public func setCategory(_ category: Category) async throws(SeedboxError) {
        guard Labels.isName(category.name) else {
            throw .badValue(field: "name", reason: "has to be 1 to 128 bytes in one line")
        }
        try Self.check(category.seedingLimits)
        if let folder = category.folder { _ = try AllowedRoots(settings).checked(folder) }
        try await changeSettings { settings in
            settings.categories.put(category, named: \.name)
        }
    }

    public func removeCategory(_ name: String) async throws(SeedboxError) {
        guard categories.contains(where: { $0.name == name }) else {
            throw .noSuchCategory(name)
        }
        try await changeSettings { $0.categories.removeAll { $0.name == name } }
    }

    public nonisolated var groups: [LimitGroup] { settings.limits.groups }

    /// Makes a group, or changes the one of that name.
    public func setGroup(_ group: LimitGroup) async throws(SeedboxError) {
        guard Labels.isName(group.name) else {
            throw .badValue(field: "name", reason: "has to be 1 to 128 bytes in one line")
        }
        try await changeSettings { settings in
            settings.limits.groups.put(group, named: \.name)
        }
    }

    public func removeGroup(_ name: String) async throws(SeedboxError) {
        guard groups.contains(where: { $0.name == name }) else { throw .noSuchGroup(name) }
        try await changeSettings { $0.limits.groups.removeAll { $0.name == name } }
    }

    private func changeSettings(
        _ change: (inout Settings) -> Void
    ) async throws(SeedboxError) {
        var new = settings
        change(&new)
        try await changeSettings(SettingsChanges(from: settings, to: new))
    }
}

// MARK: - What the session is told of them

extension Seedbox {
    static func configuration(
        _ settings: Settings, _ logger: Logger
    ) -> SessionConfiguration {
        let network = settings.network
        var configuration = SessionConfiguration()
        configuration.port = network.port
        configuration.bindAddress = network.bind
        configuration.dhtBootstrap = network.dhtBootstrap?.map {
            DHTPlace(host: $0.host, port: $0.port)
        }
        configuration.stateDirectory = settings.storage.stateFolder
        configuration.logger = logger
        configuration.take(settings)
        return configuration
    }

    func applyRates(_ rates: RateRule.Rates) async {
        var configuration = session.configuration
        configuration.take(settings)
        (configuration.downloadLimit, configuration.uploadLimit) = (rates.download, rates.upload)
        await session.setConfiguration(configuration)
        var groups: [String: RateLimits] = [:]
        for group in settings.limits.groups {
            groups[group.name] = RateLimits(
                download: group.downloadLimit, upload: group.uploadLimit)
        }
        await session.setGroups(groups)
    }
}

extension SessionConfiguration {
    /// What may change while it runs, but for the rates.
    fileprivate mutating func take(_ settings: Settings) {
        maxPeers = settings.network.maxPeersPerTorrent
        maxConnections = settings.network.maxPeers
        usesTrackers = settings.network.usesTrackers
        usesPEX = settings.network.usesPEX
        usesDHT = settings.network.usesDHT
        usesLSD = settings.network.usesLSD
        minimumFree = settings.storage.minimumFree
    }
}

extension Array {
    /// Puts an element in the place of the one that has its name, or at the end.
    fileprivate mutating func put(_ element: Element, named name: (Element) -> String) {
        if let index = firstIndex(where: { name($0) == name(element) }) {
            self[index] = element
        } else {
            append(element)
        }
    }
}
