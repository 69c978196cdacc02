import ArgumentParser
import FoundationEssentials

/// The words by which commands are told which torrents they are about.
enum TorrentsArgument {
    static let help = ArgumentHelp(
        "Which torrents: a number as list shows it, a range of them as 3-7, an info-hash or the "
            + "beginning of one, a name, or all.")

    /// Asks the daemon what there is.
    static let completion = CompletionKind.custom { words, _, prefix in
        let environment = ProcessInfo.processInfo.environment
        guard
            let options = try? RemoteOptions.parse(daemonWords(words, environment: environment)),
            let client = try? options.server.client(
                options.common.places, environment: environment),
            let torrents = try? Daemon(client: client).torrents(
                ["id", "infoHash", "infoHashV2", "name"])
        else { return [] }
        return completions(of: torrents, beginningWith: prefix)
    }

    /// Shells read what they are offered, some as a script: words of a torrent are offered only if
    /// no shell could take them for anything else.
    static func completions(
        of torrents: [RemoteTorrent], beginningWith prefix: String
    ) -> [String] {
        let words = torrents.flatMap { torrent in
            // All hashes at once would hide the names.
            let hashes = prefix.isEmpty ? [] : torrent.infoHashes
            return ["\(torrent.id)"] + hashes + (isInert(torrent.name) ? [torrent.name] : [])
        }
        let fitting = (words + ["all"]).lazy.filter { $0.hasPrefix(prefix) }
        return Array(fitting.prefix(Limits.completionsMax))
    }

    private static func isInert(_ name: String) -> Bool {
        guard let first = name.utf8.first, first != UInt8(ascii: "-") else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"), UInt8(ascii: "+"):
                true
            default: false
            }
        }
    }

    /// The options that say where the daemon is, out of a line that is still being written.
    static func daemonWords(_ words: [String], environment: [String: String]) -> [String] {
        let options = [
            "api": true, "api-socket": true, "token-file": true, "config": true,
            "no-config": false, "state-dir": true,
        ].map { name, takesValue in
            EnvironmentArguments.Shape(
                longNames: [name], shortNames: [], takesValue: takesValue, isRepeating: false)
        }
        var given: [String] = []
        for (place, word) in words.enumerated() where word.hasPrefix("--") {
            let name = word.dropFirst(2).prefix { $0 != "=" }
            guard let option = options.first(where: { $0.longNames == [String(name)] }) else {
                continue
            }
            let isWhole = !option.takesValue || word.contains("=")
            // The last word is still without its value.
            guard isWhole || place + 1 < words.count else { continue }
            given += isWhole ? [word] : [word, words[place + 1]]
        }
        return EnvironmentArguments.added(to: given, options: options, environment: environment)
            + given
    }
}
