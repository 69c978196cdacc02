import JSONText
import Units

// The forms of values that are made of several.

extension SettingForm {
    /// A limit of seeding: a value, `none`, or as the level above says.
    static func rule<Limit>(_ form: SettingForm<Limit>) -> SettingForm
    where Value == SeedingLimits.Rule<Limit> {
        SettingForm(
            read: { json throws(SettingFault) in
                switch json {
                case .null, .string("none"): return .unlimited
                case .string("inherited"): return .inherited
                default: return .atMost(try form.read(json))
                }
            },
            write: { rule, isRedacted in
                switch rule {
                case .inherited: "inherited"
                case .unlimited: .null
                case .atMost(let value): form.write(value, isRedacted)
                }
            })
    }
}

extension SettingForm where Value == WeekSchedule {
    static let schedule = SettingForm<[WeekSchedule.Span]>.list(
        of: SettingForm<WeekSchedule.Span>(
            read: { json throws(SettingFault) in
                guard let span = json.string.flatMap({ WeekSchedule.Span($0) }) else {
                    throw SettingFault("write days and times as \"mon-fri 08:00-18:00\"")
                }
                return span
            }, write: { span, _ in .string(span.text) })
    ).map({ WeekSchedule($0) }, { $0.spans })
}

extension SettingForm where Value == LimitGroup {
    static let group = table(
        LimitGroup(name: ""), required: ["name"],
        [
            SettingField("name", \.name, .name), SettingField("down", \.downloadLimit, .rate),
            SettingField("up", \.uploadLimit, .rate),
        ])
}

extension SettingForm where Value == Category {
    static let category = table(
        Category(name: ""), required: ["name"],
        [
            SettingField("name", \.name, .name),
            SettingField("folder", \.folder, .optional(.path)),
            SettingField("ratio", \.seedingLimits.ratio, .rule(.ratio)),
            SettingField("time", \.seedingLimits.seedTime, .rule(.seconds)),
            SettingField("idle", \.seedingLimits.idle, .rule(.seconds)),
            SettingField("action", \.seedingLimits.action, .optional(.choice())),
        ])
}

extension SettingForm where Value == Settings.WatchFolder {
    /// A folder alone is one that is watched as all others are.
    static let watchFolder: SettingForm = {
        let whole = table(
            Settings.WatchFolder(folder: ""), required: ["folder"],
            [
                SettingField("folder", \.folder, .path),
                SettingField("category", \.category, .optional(.name)),
                SettingField("labels", \.labels, .list(of: .name)),
                SettingField("paused", \.startsPaused, .optional(.flag)),
                SettingField("download-folder", \.downloadFolder, .optional(.path)),
                SettingField("interval", \.interval, .interval),
            ])
        return SettingForm(
            read: { json throws(SettingFault) in
                guard case .string = json else { return try whole.read(json) }
                return Settings.WatchFolder(folder: try SettingForm<String>.path.read(json))
            }, write: whole.write)
    }()
}

extension SettingForm where Value == Settings.Webhook {
    static let webhook = table(
        Settings.Webhook(url: ""), required: ["url"],
        [
            SettingField("url", \.url, .url),
            SettingField(
                "events", \.events,
                SettingForm<[Settings.Event]>.list(of: .choice()).map(
                    { Set($0) }, { set in Settings.Event.allCases.filter(set.contains) })),
        ])
}

extension SettingForm where Value == Settings.Token {
    static let token = table(
        Settings.Token(name: ""), required: ["name"],
        [
            SettingField("name", \.name, .name), SettingField("scope", \.scope, .choice()),
            SettingField("token", \.token, .optional(.secret)),
            SettingField("token-file", \.tokenFile, .optional(.path)),
        ])
}

extension SettingForm where Value == String {
    /// Of a category, a group, a label: what a list of them, and a path of the API, can hold.
    static let name = text("write a name without '/' and ',', of at most 128 bytes") {
        $0.utf8.count <= 128 && !$0.contains { "/,".contains($0) }
    }

    static let basePath = SettingForm(
        read: { json throws(SettingFault) in
            if json == "" || json == "/" { return "" }
            let text = try SettingForm.text.read(json)
            let parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            let isGood = parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".."
                    && part.utf8.allSatisfy { $0.isUnreservedInURL }
            }
            guard text.hasPrefix("/"), isGood else {
                throw SettingFault("write a path as /swarm, without a slash at its end")
            }
            return text
        }, write: { value, _ in .string(value) })

    static let hostName = text("write a name of a host, as box.example.org or *.example.org") {
        let name = $0.hasPrefix("*.") ? $0.dropFirst(2) : $0[...]
        return !name.isEmpty && name.utf8.allSatisfy { $0.isUnreservedInURL }
    }

    static let origin = text("write an origin as https://example.org, without a path") {
        let parts = $0.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 3 && ["http:", "https:"].contains(parts[0]) && parts[1].isEmpty
            && !parts[2].isEmpty
    }

    static let addressRange = text("write an address, or a network as 10.0.0.0/8") {
        let parts = $0.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first,
            let address = Endpoint(addressText: first, port: 0)
        else { return false }
        guard parts.count == 2 else { return true }
        return Int(parts[1]).map { (0...(address.isIPv4 ? 32 : 128)).contains($0) } ?? false
    }
}

extension UInt8 {
    /// Letters, digits and `-._~` (RFC 3986, 2.3).
    var isUnreservedInURL: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
