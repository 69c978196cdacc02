import Glibc
import Storage

extension LoadedSettings {
    /// These with what the daemon was told while it ran, as its state folder has it; also while
    /// one runs. Nothing is made or changed by looking.
    public func withKeptChanges() -> LoadedSettings {
        let path = settings.storage.stateFolder + "/session.db"
        guard access(path, R_OK) == 0,
            let text = try? SessionStore.keptValue(named: Seedbox.settingsName, in: path)
        else { return self }
        return restoring(SettingsChanges(stored: text)).loaded
    }
}
