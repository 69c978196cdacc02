extension Limits {
    /// Bytes of one text among the settings: as many as a path may have.
    static let settingBytesMax = 4_096

    /// Elements of one list among the settings: more than anybody writes by hand.
    static let settingElementsMax = 1_000

    /// Bytes of the file of settings.
    static let settingsFileBytesMax = 1 << 20

    /// Tables and lists in each other: settings have three.
    static let settingsDepthMax = 16

    /// Bytes of a file that holds a password or a token.
    static let secretFileBytesMax = 4_096

    /// Bytes of the path of a Unix socket: `sun_path` without its end.
    static let socketPathBytesMax = 107

    /// Bytes of the path of the usual socket: it is made beside its place, under a longer name.
    static let usualSocketBytesMax = socketPathBytesMax - 7
}
