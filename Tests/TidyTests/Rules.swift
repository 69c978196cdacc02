import Glibc

/// One thing that is not as the house wants it.
struct Finding: Hashable, CustomStringConvertible {
    let path: String
    let line: Int
    let text: String

    var description: String { "\(path):\(line): \(text)" }
}

/// A rule looks at one file. `room` is nil for what is not a room: tests, the manifest.
struct Rule: Sendable {
    let name: String
    let check: @Sendable (_ source: SourceText, _ room: String?) -> [Finding]

}

enum Limits {
    static let linesOfFileMax = 600
    static let linesOfFunctionMax = 70
    static let columnsMax = 100
}

/// The rules for Swift under Sources.
let sourceRules: [Rule] =
    sharedRules + [imports, pureFloors, trapsAndUnsafe, forceUnwraps]

/// The rules for all Swift, tests too.
let sharedRules: [Rule] = [
    fileLength, functionLength, lineLength, unfinishedWork, placesOfOneMachine,
]

// MARK: - The floors

let imports = Rule(name: "imports") { source, room in
    guard let room else { return [] }
    guard let rules = House.rooms[room] else {
        return [Finding(path: source.path, line: 1, text: "no such room in the table: \(room)")]
    }
    var allowed = rules.imports.union([room])
    if !House.isPure(rules) { allowed.formUnion(House.platform) }
    return source.code.enumerated().compactMap { number, code in
        guard let module = importedModule(code), !allowed.contains(module) else { return nil }
        return Finding(path: source.path, line: number + 1, text: "\(room) imports \(module)")
    }
}

let pureFloors = Rule(name: "pure floors") { source, room in
    guard let room, let rules = House.rooms[room], House.isPure(rules) else { return [] }
    let banned = [
        "Date(", "ContinuousClock", "SuspendingClock", "SystemRandomNumberGenerator",
        "Task.sleep", "Task {", "Task.detached",
    ]
    var found: [Finding] = []
    for (number, code) in source.code.enumerated() {
        for word in banned where !places(of: word, in: code).isEmpty {
            found.append(
                Finding(
                    path: source.path, line: number + 1, text: "\(word) on a floor that decides"))
        }
        for place in places(of: ".now", in: code) where isClockRead(code, at: place) {
            found.append(Finding(path: source.path, line: number + 1, text: ".now reads a clock"))
        }
    }
    return found + unseededRandomness(source)
}

/// `X.now` and `.now` read a clock where X is a type or is left out; `self.now` is a property.
private func isClockRead(_ code: [UInt8], at place: Int) -> Bool {
    var start = place
    while start > 0, isWordByte(code[start - 1]) { start -= 1 }
    if start == place {
        return place == 0
            || (code[place - 1] != UInt8(ascii: ")") && code[place - 1] != UInt8(ascii: "]"))
    }
    return (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(code[start])
}

/// Calls that throw dice without saying whose.
private func unseededRandomness(_ source: SourceText) -> [Finding] {
    let calls = ["random(", "randomElement(", "shuffled(", "shuffle("]
    let all = Array(source.code.joined(separator: [0x0A]))
    var found: [Finding] = []
    for call in calls {
        for place in places(of: "." + call, in: all) {
            let open = place + call.utf8.count
            let close = closing(of: open, in: all) ?? all.count
            if places(of: "using:", in: Array(all[open..<close])).isEmpty {
                let line = all[..<place].count { $0 == 0x0A } + 1
                found.append(
                    Finding(path: source.path, line: line, text: "\(call)…) without a generator"))
            }
        }
    }
    return found
}

// MARK: - Traps

let trapsAndUnsafe = Rule(name: "traps and unsafe things") { source, _ in
    let banned = [
        "try!", "as!", "fatalError(", "preconditionFailure(", "@unchecked Sendable",
        "nonisolated(unsafe)", "unowned(unsafe)", "unsafeBitCast(",
    ]
    return source.code.enumerated().flatMap { number, code in
        banned.filter { !places(of: $0, in: code).isEmpty && !isExcused(source, line: number) }
            .map {
                Finding(path: source.path, line: number + 1, text: "\($0) without a SAFETY: reason")
            }
    }
}

/// Whether the line, the one below it (the first in a type's braces), or the comment that ends just
/// above it says why this is safe.
private func isExcused(_ source: SourceText, line: Int) -> Bool {
    if source.comments[line...].prefix(2).contains(where: { $0.contains("SAFETY:") }) {
        return true
    }
    var above = line - 1
    while above >= 0, !source.comments[above].allSatisfy({ $0 == " " }),
        source.code[above].allSatisfy({ $0 == 0x20 })
    {
        if source.comments[above].contains("SAFETY:") { return true }
        above -= 1
    }
    return false
}

let forceUnwraps = Rule(name: "force unwraps") { source, _ in
    source.code.enumerated().flatMap { number, code in
        places(of: "!", in: code).filter { isForceUnwrap(code, at: $0) }
            .map { _ in Finding(path: source.path, line: number + 1, text: "force unwrap") }
    }
}

/// `x!`, `f()!`, `a[0]!`, `T?!`, `x!.y`: a mark that touches what stands before it. `!x` does not,
/// `a != b` and `a!=b` are comparisons, and `try!` and `as!` have a rule of their own.
private func isForceUnwrap(_ code: [UInt8], at place: Int) -> Bool {
    guard place > 0 else { return false }
    if place + 1 < code.count, code[place + 1] == UInt8(ascii: "=") { return false }
    let before = code[place - 1]
    guard isWordByte(before) || Array(")]}>?\"`!".utf8).contains(before) else { return false }
    let start = code[..<place].lastIndex { !isWordByte($0) }.map { $0 + 1 } ?? 0
    return !["try", "as"].contains(String(decoding: code[start..<place], as: UTF8.self))
}

// MARK: - Size

let fileLength = Rule(name: "file length") { source, _ in
    let count = source.lines.last == "" ? source.lines.count - 1 : source.lines.count
    return count <= Limits.linesOfFileMax
        ? [] : [Finding(path: source.path, line: count, text: "\(count) lines")]
}

let functionLength = Rule(name: "function length") { source, _ in
    functions(in: source).filter { $0.lineCount > Limits.linesOfFunctionMax }
        .map {
            Finding(path: source.path, line: $0.line, text: "a function of \($0.lineCount) lines")
        }
}

let lineLength = Rule(name: "line length") { source, _ in
    source.lines.enumerated().filter {
        $1.utf8.count > Limits.columnsMax && $1.count > Limits.columnsMax
    }
    .map { Finding(path: source.path, line: $0 + 1, text: "\($1.count) columns") }
}

// MARK: - Words

let unfinishedWork = Rule(name: "unfinished work") { source, _ in
    // Put together here, so that the rule does not find itself.
    let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:"]
    return source.lines.enumerated().flatMap { number, line in
        words.filter { line.contains($0) }
            .map { Finding(path: source.path, line: number + 1, text: "\($0): do it or drop it") }
    }
}

let placesOfOneMachine = Rule(name: "places of one machine") { source, _ in
    let roots = ["/wo" + "rk/", "/ro" + "ot/", "/Us" + "ers/", "/tmp/s" + "etup", "/tmp/w" + "t/"]
    return source.lines.enumerated().flatMap { number, line in
        roots.filter { line.contains($0) }
            .map { Finding(path: source.path, line: number + 1, text: "names \($0)") }
    }
}

// MARK: - Reading code

func isWordByte(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || byte >= 0x80
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
}

/// Where `word` stands in `code`, and is not a part of a longer word.
func places(of word: String, in code: [UInt8]) -> [Int] {
    let wanted = Array(word.utf8)
    guard let first = wanted.first, let last = wanted.last else { return [] }
    var found: [Int] = []
    code.withUnsafeBytes { bytes in
        var from = 0
        while let start = find(wanted, in: bytes, from: from) {
            from = start + 1
            let end = start + wanted.count
            let cutsBefore = isWordByte(first) && start > 0 && isWordByte(bytes[start - 1])
            let cutsAfter = isWordByte(last) && end < bytes.count && isWordByte(bytes[end])
            if !cutsBefore, !cutsAfter { found.append(start) }
        }
    }
    return found
}

private func find(_ wanted: [UInt8], in bytes: UnsafeRawBufferPointer, from: Int) -> Int? {
    guard let base = bytes.baseAddress, let first = wanted.first else { return nil }
    var start = from
    while bytes.count - start >= wanted.count {
        let room = bytes.count - start - wanted.count + 1
        guard let found = memchr(base + start, Int32(first), room) else { return nil }
        start = UnsafeRawPointer(found) - base
        if memcmp(found, wanted, wanted.count) == 0 { return start }
        start += 1
    }
    return nil
}

/// The module that the line imports.
func importedModule(_ code: [UInt8]) -> String? {
    var words = String(decoding: code, as: UTF8.self).split(separator: " ").map(String.init)
    while let first = words.first,
        first.hasPrefix("@")
            || ["public", "internal", "private", "fileprivate", "package"].contains(first)
    {
        words.removeFirst()
    }
    guard words.first == "import", words.count > 1 else { return nil }
    let kinds = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var", "actor"]
    let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
    return name.split(separator: ".").first.map(String.init)
}

/// The place of the bracket that closes the one at `open`.
func closing(of open: Int, in code: [UInt8]) -> Int? {
    let pairs: [UInt8: UInt8] = [
        UInt8(ascii: "("): UInt8(ascii: ")"), UInt8(ascii: "{"): UInt8(ascii: "}"),
    ]
    guard let end = pairs[code[open]] else { return nil }
    var depth = 0
    for place in open..<code.count {
        if code[place] == code[open] { depth += 1 }
        if code[place] == end {
            depth -= 1
            if depth == 0 { return place }
        }
    }
    return nil
}
