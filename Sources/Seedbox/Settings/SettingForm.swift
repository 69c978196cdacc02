import JSONText
import Units

/// What is wrong with a value, and where in it: `[0].folder` of `watch`.
struct SettingFault: Error, Equatable {
    enum Step: Hashable {
        case member(String)
        case element(Int)
    }

    /// Outermost first.
    var path: [Step] = []
    var reason: String

    init(_ reason: String) { self.reason = reason }

    func inside(_ step: Step) -> SettingFault {
        var fault = self
        fault.path.insert(step, at: 0)
        return fault
    }

    /// The name of what is wrong, within the setting that is called `name`.
    func field(of name: String) -> String {
        path.reduce(name) { text, step in
            switch step {
            case .member(let member): text.isEmpty ? member : "\(text).\(member)"
            case .element(let index): "\(text)[\(index)]"
            }
        }
    }
}

/// How values of one type are written and read. Everything that a setting's value may not be is
/// refused by its form, wherever the value comes from.
struct SettingForm<Value: Sendable>: Sendable {
    let read: @Sendable (JSON) throws(SettingFault) -> Value
    /// Without secrets if the second argument is true.
    let write: @Sendable (Value, Bool) -> JSON
    /// Whether text of the environment and of options is cut into elements.
    var isList = false

    init(
        read: @escaping @Sendable (JSON) throws(SettingFault) -> Value,
        write: @escaping @Sendable (Value, Bool) -> JSON
    ) {
        self.read = read
        self.write = write
    }

    /// A form of text that `parse` understands.
    init(
        expected: String, parse: @escaping @Sendable (String) throws(ValueFault) -> Value,
        write: @escaping @Sendable (Value) -> JSON
    ) {
        self.init(
            read: { json throws(SettingFault) in
                guard let text = json.string else { throw SettingFault("write \(expected)") }
                do { return try parse(text) } catch { throw SettingFault("\(error)") }
            }, write: { value, _ in write(value) })
    }
}

extension SettingForm where Value == Bool {
    static let flag = SettingForm(
        read: { json throws(SettingFault) in
            if let value = json.bool { return value }
            switch json.string?.lowercased() {
            case "true", "yes", "on", "1": return true
            case "false", "no", "off", "0": return false
            default: throw SettingFault("write true or false")
            }
        }, write: { value, _ in .bool(value) })
}

extension SettingForm where Value == Int {
    static func whole(_ range: ClosedRange<Int>) -> SettingForm {
        SettingForm(
            read: { json throws(SettingFault) in
                let number = json.integer ?? json.string.flatMap { Int64($0) }
                guard let number, let value = Int(exactly: number), range.contains(value) else {
                    throw SettingFault(
                        "write a number from \(range.lowerBound) to \(range.upperBound)")
                }
                return value
            }, write: { value, _ in .count(value) })
    }
}

extension SettingForm where Value == UInt16 {
    static let port = SettingForm(
        read: { json throws(SettingFault) in
            let number = json.integer ?? json.string.flatMap { Int64($0) }
            guard let number, let port = UInt16(exactly: number) else {
                throw SettingFault("write a port, 0 to 65535")
            }
            return port
        }, write: { value, _ in .integer(Int64(value)) })
}

extension SettingForm where Value == UInt32 {
    /// Bits of permission, which nobody reads as a decimal number: so only text is taken.
    static let permissions = SettingForm(
        read: { json throws(SettingFault) in
            guard let text = json.string, (1...4).contains(text.utf8.count),
                let bits = UInt32(text, radix: 8), bits <= 0o777
            else { throw SettingFault("write permissions in octal and in quotes, as \"0022\"") }
            return bits
        },
        write: { value, _ in
            let digits = String(value, radix: 8)
            return .string(String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
        })
}

extension SettingForm where Value == Int64 {
    static let size = SettingForm(
        read: { json throws(SettingFault) in
            if let bytes = json.integer, bytes >= 0 { return bytes }
            guard let text = json.string else { throw SettingFault("\(ValueFault.notASize)") }
            do { return try parseSize(text) } catch { throw SettingFault("\(error)") }
        }, write: { value, _ in .integer(value) })

    /// Seconds.
    static let seconds = SettingForm(
        read: { json throws(SettingFault) in
            try SettingForm<Interval>.interval.read(json).nanoseconds / 1_000_000_000
        }, write: { value, _ in .integer(value) })
}

extension SettingForm where Value == ByteRate? {
    /// Bytes a second; 0 and `none` are no limit.
    static let rate = SettingForm(
        read: { json throws(SettingFault) in
            if json == .null { return nil }
            if let bytes = json.integer, bytes >= 0 {
                return bytes > 0 ? ByteRate(bytesPerSecond: bytes) : nil
            }
            guard let text = json.string else { throw SettingFault("\(ValueFault.notARate)") }
            do { return try parseRate(text) } catch { throw SettingFault("\(error)") }
        }, write: { value, _ in value.map { .integer($0.bytesPerSecond) } ?? .null })
}

extension SettingForm where Value == Interval {
    /// At least a second: nothing here is done more often.
    static let interval = SettingForm(
        read: { json throws(SettingFault) in
            let interval: Interval
            if let seconds = json.integer {
                interval = .seconds(seconds)
            } else {
                guard let text = json.string else {
                    throw SettingFault("\(ValueFault.notAnInterval)")
                }
                do { interval = try parseInterval(text) } catch { throw SettingFault("\(error)") }
            }
            guard interval >= .seconds(1) else { throw SettingFault("write at least 1s") }
            return interval
        }, write: { value, _ in .integer(value.nanoseconds / 1_000_000_000) })
}

extension SettingForm where Value == Double {
    static let ratio = SettingForm(
        read: { json throws(SettingFault) in
            if let value = json.number, value >= 0, value.isFinite { return value }
            guard let text = json.string else { throw SettingFault("\(ValueFault.notARatio)") }
            do { return try parseRatio(text) } catch { throw SettingFault("\(error)") }
        }, write: { value, _ in .number(value) })
}

extension SettingForm where Value == HostPort {
    static let hostAndPort = SettingForm(
        expected: "HOST:PORT", parse: { text throws(ValueFault) in try HostPort(text) },
        write: { .string($0.description) })

    static let listener = SettingForm(
        expected: "HOST:PORT",
        parse: { text throws(ValueFault) in try HostPort(listeningAt: text) },
        write: { .string($0.description) })
}

extension SettingForm where Value == String {
    /// Something of one line.
    static let text = SettingForm(
        read: { json throws(SettingFault) in
            guard let text = json.string else { throw SettingFault("write text in quotes") }
            guard !text.isEmpty else { throw SettingFault("it is empty") }
            guard text.utf8.count <= Limits.settingBytesMax else {
                throw SettingFault("it is too long")
            }
            guard !text.unicodeScalars.contains(where: \.isUnsafeInTerminal) else {
                throw SettingFault("it has characters that do not print")
            }
            return text
        }, write: { value, _ in .string(value) })

    static func text(
        _ wanted: String, where isGood: @escaping @Sendable (String) -> Bool
    ) -> SettingForm {
        SettingForm(
            read: { json throws(SettingFault) in
                let text = try SettingForm.text.read(json)
                guard isGood(text) else { throw SettingFault(wanted) }
                return text
            }, write: { value, _ in .string(value) })
    }

    /// What is never shown.
    static let secret = SettingForm(
        read: { json throws(SettingFault) in try SettingForm.text.read(json) },
        write: { value, isRedacted in .string(isRedacted ? "(hidden)" : value) })

    /// A path that does not depend on where the program was started.
    static let path = SettingForm(
        read: { json throws(SettingFault) in
            var path = try SettingForm.text.read(json)
            if path == "~" || path.hasPrefix("~/") {
                guard let home = homeFolder() else {
                    throw SettingFault("~ is not known: HOME is not set")
                }
                path = home + path.dropFirst()
            }
            guard path.hasPrefix("/") else {
                throw SettingFault("write a path from the root, or from ~/")
            }
            guard !path.split(separator: "/").contains("..") else {
                throw SettingFault("write the path without '..'")
            }
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            return path
        }, write: { value, _ in .string(value) })

    static let address = text("\(ValueFault.notAnIPAddress)") {
        Endpoint(addressText: $0, port: 0) != nil
    }

    /// The place is shown, but not what follows: webhooks have their secrets there.
    static let url = SettingForm(
        read: { json throws(SettingFault) in
            let text = try SettingForm.text.read(json)
            guard urlHost(text) != nil else {
                throw SettingFault("write a link that begins with http:// or https://")
            }
            return text
        },
        write: { value, isRedacted in
            guard isRedacted, let place = urlHost(value) else { return .string(value) }
            return .string(place.scheme + "://" + place.host + "/(hidden)")
        })
}

extension SettingForm {
    /// Null and `none` are nil.
    static func optional<Wrapped>(_ form: SettingForm<Wrapped>) -> SettingForm
    where Value == Wrapped? {
        var optional = SettingForm(
            read: { json throws(SettingFault) in
                if json == .null || json.string?.lowercased() == "none" { return nil }
                return try form.read(json)
            }, write: { value, isRedacted in value.map { form.write($0, isRedacted) } ?? .null })
        optional.isList = form.isList
        return optional
    }

    static func choice() -> SettingForm
    where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
        SettingForm(
            read: { json throws(SettingFault) in
                guard let value = json.string.flatMap({ Value(rawValue: $0.lowercased()) }) else {
                    let names = Value.allCases.map(\.rawValue)
                    throw SettingFault("write one of \(names.joined(separator: ", "))")
                }
                return value
            }, write: { value, _ in .string(value.rawValue) })
    }

    static func list<Element>(
        of form: SettingForm<Element>, countMax: Int = Limits.settingElementsMax
    ) -> SettingForm where Value == [Element] {
        var list = SettingForm(
            read: { json throws(SettingFault) in
                // The environment and options have no other way to say so.
                if json.string?.lowercased() == "none" { return [] }
                guard let elements = json.elements else { throw SettingFault("write a list") }
                guard elements.count <= countMax else {
                    throw SettingFault("more than \(countMax) elements")
                }
                var values: [Element] = []
                for (index, element) in elements.enumerated() {
                    do throws(SettingFault) { values.append(try form.read(element)) } catch {
                        throw error.inside(.element(index))
                    }
                }
                return values
            },
            write: { values, isRedacted in .array(values.map { form.write($0, isRedacted) }) })
        list.isList = true
        return list
    }

    /// The same form for a type that holds no more than the other one does.
    func map<Other>(
        _ from: @escaping @Sendable (Value) -> Other, _ to: @escaping @Sendable (Other) -> Value
    ) -> SettingForm<Other> {
        var form = SettingForm<Other>(
            read: { json throws(SettingFault) in from(try self.read(json)) },
            write: { self.write(to($0), $1) })
        form.isList = isList
        return form
    }
}

/// Scheme and authority of a link to the web, the latter without user and password.
private func urlHost(_ text: String) -> (scheme: String, host: String)? {
    for scheme in ["https", "http"] where text.lowercased().hasPrefix(scheme + "://") {
        let rest = text.dropFirst(scheme.count + 3)
        let authority = rest.prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@").last ?? ""
        return host.isEmpty ? nil : (scheme, String(host))
    }
    return nil
}
