import JSONText

/// `text` with everything that could steer a terminal spelt out: `\u{202e}`. For all words that
/// come from a torrent, a tracker, a peer or the system.
public func terminalSafe(_ text: String) -> String {
    text.escapedForTerminal
}
