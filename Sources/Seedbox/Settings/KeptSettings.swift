import Glibc
import Storage

extension LoadedSettings {
    /// These with what the daemon was told while it ran, as its state folder has it; also while
    /// one runs.
    public func withKeptChanges() -> LoadedSettings {
        let path = settings.storage.stateFolder + "/session.db"
        // Nothing is made by looking.
        guard access(path, R_OK | W_OK) == 0, let store = try? SessionStore(path: path),
            let text = try? store.value(named: Seedbox.settingsName)
        else { return self }
        return restoring(SettingsChanges(stored: text)).loaded
    }
}
