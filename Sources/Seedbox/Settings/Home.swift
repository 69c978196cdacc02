import Glibc

/// The folder of the user, as `~` means it.
func homeFolder() -> String? {
    guard let home = getenv("HOME").map({ String(cString: $0) }), home.hasPrefix("/") else {
        return nil
    }
    return home.hasSuffix("/") ? String(home.dropLast()) : home
}
