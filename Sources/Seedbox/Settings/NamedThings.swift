import JSONText

/// Lists of things with names, each of which is changed by itself: who changes one category at run
/// time has said nothing of the others. `{"films": {"ratio": 2}, "linux": null}` is to have the one
/// so, and not to have the other.
enum NamedThings {
    /// What has to change for `old` to become `new`.
    static func changes(from old: JSON, to new: JSON) -> [JSON.Member] {
        let (before, after) = (byName(old), byName(new))
        let gone = before.keys.filter { after[$0] == nil }.sorted()
        return gone.map { (name: $0, value: .null) }
            + (new.elements ?? []).compactMap { thing in
                guard let name = name(of: thing), before[name] != thing else { return nil }
                return (name: name, value: thing)
            }
    }

    /// Who is changed keeps its place, and who is new is the last.
    static func list(_ old: JSON, with changes: [JSON.Member]) -> JSON {
        var things = old.elements ?? []
        for (name, value) in changes {
            let index = things.firstIndex { self.name(of: $0) == name }
            if value == .null {
                if let index { things.remove(at: index) }
                continue
            }
            let others = value.members?.filter { $0.name != "name" }
            let thing = others.map { .object([("name", .string(name))] + $0) } ?? value
            if let index { things[index] = thing } else { things.append(thing) }
        }
        return .array(things)
    }

    static func byName(_ list: JSON) -> [String: JSON] {
        let things = (list.elements ?? []).compactMap { thing in
            name(of: thing).map { ($0, thing) }
        }
        return Dictionary(things, uniquingKeysWith: { first, _ in first })
    }

    private static func name(of thing: JSON) -> String? { thing["name"]?.string }
}

extension SettingKey {
    var isOfNamedThings: Bool { name == "categories" || name == "groups" }

    /// The setting of that name, or one thing of it: `categories.films` is the category `films`.
    static func withThing(_ name: String) -> (key: SettingKey, thing: String?)? {
        if let key = named(name) { return (key, nil) }
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, let key = named(parts[0]), key.isOfNamedThings else { return nil }
        return (key, parts[1])
    }
}
