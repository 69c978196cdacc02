/// Where the keys and values of a TOML document stand. The library that reads TOML tells the places
/// of its own complaints only. Of a document that it takes, this finds the others.
struct TOMLPlaces {
    /// From 1; columns count characters.
    struct Place: Hashable {
        var line: Int
        var column: Int
    }

    typealias Path = [SettingFault.Step]

    private(set) var keys: [Path: Place] = [:]
    private(set) var values: [Path: Place] = [:]

    init(_ text: String) {
        var scan = Scan(text)
        scan.document()
        keys = scan.keys
        values = scan.values
    }

    /// The place of the key, or of the nearest thing around it.
    func key(_ path: Path) -> Place? { nearest(path, keys) }

    func value(_ path: Path) -> Place? { nearest(path, values) }

    private func nearest(_ path: Path, _ first: [Path: Place]) -> Place? {
        var path = path
        while !path.isEmpty {
            if let place = first[path] ?? keys[path] ?? values[path] { return place }
            path.removeLast()
        }
        return nil
    }
}

/// One pass over a document that is known to be good; over another it ends all the same.
private struct Scan {
    var keys: [TOMLPlaces.Path: TOMLPlaces.Place] = [:]
    var values: [TOMLPlaces.Path: TOMLPlaces.Place] = [:]
    private let text: [Unicode.Scalar]
    private var at = 0
    private var line = 1
    private var lineStart = 0
    /// Tables of each `[[array]]` so far.
    private var counts: [TOMLPlaces.Path: Int] = [:]

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    private var next: Unicode.Scalar? { at < text.count ? text[at] : nil }
    private var place: TOMLPlaces.Place { .init(line: line, column: at - lineStart + 1) }

    private mutating func step() {
        guard at < text.count else { return }
        if text[at] == "\n" {
            line += 1
            lineStart = at + 1
        }
        at += 1
    }

    private mutating func step(over wanted: Unicode.Scalar) -> Bool {
        guard next == wanted else { return false }
        step()
        return true
    }

    /// Over white space, ends of lines and comments.
    private mutating func skipBlank() {
        while let scalar = next {
            if scalar == "#" {
                while let rest = next, rest != "\n" { step() }
            } else if " \t\r\n".unicodeScalars.contains(scalar) {
                step()
            } else {
                return
            }
        }
    }

    mutating func document() {
        var table: TOMLPlaces.Path = []
        skipBlank()
        while next != nil {
            let before = at
            if step(over: "[") {
                table = header()
            } else {
                pair(in: table)
            }
            // Of no good document, but it must end.
            if at == before { step() }
            skipBlank()
        }
    }

    /// The table that a header begins.
    private mutating func header() -> TOMLPlaces.Path {
        let isArray = step(over: "[")
        skipBlank()
        let start = place
        var path = resolved(key())
        keys[path] = start
        skipBlank()
        _ = step(over: "]")
        guard isArray else { return path }
        _ = step(over: "]")
        let count = counts[path, default: 0]
        counts[path] = count + 1
        path.append(.element(count))
        values[path] = start
        return path
    }

    /// A header names the last table of each array that it goes through.
    private func resolved(_ names: [String]) -> TOMLPlaces.Path {
        var path: TOMLPlaces.Path = []
        for (index, name) in names.enumerated() {
            path.append(.member(name))
            if index < names.count - 1, let count = counts[path] {
                path.append(.element(count - 1))
            }
        }
        return path
    }

    private mutating func pair(in table: TOMLPlaces.Path) {
        let start = place
        let path = table + key().map { .member($0) }
        keys[path] = start
        skipBlank()
        _ = step(over: "=")
        skipBlank()
        value(path)
    }

    /// Names with dots between them.
    private mutating func key() -> [String] {
        var names: [String] = []
        repeat {
            skipBlank()
            names.append(next == "\"" || next == "'" ? string() : bareKey())
            skipBlank()
        } while step(over: ".")
        return names
    }

    private mutating func bareKey() -> String {
        var name = ""
        while let scalar = next, !" \t\r\n=.]}#,".unicodeScalars.contains(scalar) {
            name.unicodeScalars.append(scalar)
            step()
        }
        return name
    }

    private mutating func value(_ path: TOMLPlaces.Path) {
        values[path] = place
        switch next {
        case "\"", "'": _ = string()
        case "[":
            step()
            elements(until: "]") { scan, index in scan.value(path + [.element(index)]) }
        case "{":
            step()
            elements(until: "}") { scan, _ in scan.pair(in: path) }
        default:
            while let scalar = next, !",]}#\n".unicodeScalars.contains(scalar) { step() }
        }
    }

    private mutating func elements(
        until end: Unicode.Scalar, _ element: (inout Scan, Int) -> Void
    ) {
        var index = 0
        skipBlank()
        while let scalar = next, scalar != end {
            let before = at
            element(&self, index)
            index += 1
            skipBlank()
            _ = step(over: ",")
            skipBlank()
            if at == before { return }
        }
        step()
    }

    /// Of any of the four kinds. Escapes stay as they are: names of settings have none.
    private mutating func string() -> String {
        guard let quote = next else { return "" }
        step()
        guard next == quote else { return rest(of: quote, closing: 1) }
        step()
        // Two quotes are an empty string, three begin one of several lines.
        guard step(over: quote) else { return "" }
        return rest(of: quote, closing: 3)
    }

    private mutating func rest(of quote: Unicode.Scalar, closing: Int) -> String {
        var content = ""
        var run = 0
        while let scalar = next {
            step()
            if scalar == quote {
                run += 1
                guard run == closing else { continue }
                // Up to two quotes may stand right before the three that end it.
                if closing == 3 { while step(over: quote) {} }
                return content
            }
            for _ in 0..<run { content.unicodeScalars.append(quote) }
            run = 0
            content.unicodeScalars.append(scalar)
            if scalar == "\\", quote == "\"", let escaped = next {
                content.unicodeScalars.append(escaped)
                step()
            }
        }
        return content
    }
}
