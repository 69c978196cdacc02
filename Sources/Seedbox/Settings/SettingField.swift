import JSONText

/// One named value of a table.
struct SettingField<Root: Sendable>: Sendable {
    let name: String
    let isList: Bool
    let read: @Sendable (JSON, inout Root) throws(SettingFault) -> Void
    let write: @Sendable (Root, Bool) -> JSON

    init<Value>(
        _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ form: SettingForm<Value>
    ) {
        self.name = name
        self.isList = form.isList
        self.read = { json, root throws(SettingFault) in root[keyPath: path] = try form.read(json) }
        self.write = { root, isRedacted in form.write(root[keyPath: path], isRedacted) }
    }
}

extension SettingForm {
    /// A table with these fields. Those of which nothing is said stay as they are in `start`.
    static func table(
        _ start: Value, required: [String] = [], _ fields: [SettingField<Value>]
    ) -> SettingForm {
        SettingForm(
            read: { json throws(SettingFault) in
                guard let members = json.members else { throw SettingFault("write a table") }
                var value = start
                for member in members {
                    guard let field = fields.first(where: { $0.name == member.name }) else {
                        throw unknownSetting(member.name, among: fields.map(\.name))
                            .inside(.member(member.name))
                    }
                    do throws(SettingFault) { try field.read(member.value, &value) } catch {
                        throw error.inside(.member(member.name))
                    }
                }
                for name in required where json[name] == nil {
                    throw SettingFault("'\(name)' is missing")
                }
                return value
            },
            write: { value, isRedacted in
                .object(fields.map { ($0.name, $0.write(value, isRedacted)) })
            })
    }
}

func unknownSetting(_ name: String, among known: [String]) -> SettingFault {
    guard let near = nearest(to: name, among: known) else {
        return SettingFault("unknown key '\(name)'")
    }
    return SettingFault("unknown key '\(name)'; did you mean '\(near)'?")
}

/// The name that is meant, if one is a few slips away.
public func nearest(to name: String, among known: [String]) -> String? {
    let distances = known.map { (name: $0, distance: editDistance(name, $0)) }
    guard let best = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return best.distance <= max(1, min(3, name.count / 2)) ? best.name : nil
}

/// Letters to add, take away or exchange. Names that nobody can have meant cost nothing.
private func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8.prefix(64)), Array(b.utf8))
    var row = Array(0...b.count)
    for (i, letter) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, other) in b.enumerated() {
            let cost = min(row[j + 1] + 1, row[j] + 1, diagonal + (letter == other ? 0 : 1))
            diagonal = row[j + 1]
            row[j + 1] = cost
        }
    }
    return row[b.count]
}
