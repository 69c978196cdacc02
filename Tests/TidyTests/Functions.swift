/// A function with a body: where it begins and how many lines it has, its signature's too.
struct FunctionSpan: Equatable {
    let line: Int
    let lineCount: Int
}

/// Every function, initialiser and subscript of the file that has a body.
func functions(in source: SourceText) -> [FunctionSpan] {
    let code = Array(source.code.joined(separator: [0x0A]))
    func lines(_ range: Range<Int>) -> Int { places(of: "\n", in: Array(code[range])).count }
    return ["func", "init", "deinit", "subscript"].flatMap { keyword in
        places(of: keyword, in: code).compactMap { start in
            if start > 0, [UInt8(ascii: "."), UInt8(ascii: "`")].contains(code[start - 1]) {
                return nil
            }
            guard let open = body(ofFunctionAt: start + keyword.utf8.count, in: code),
                let close = closing(of: open, in: code)
            else { return nil }
            return FunctionSpan(
                line: lines(0..<start) + 1, lineCount: lines(start..<close) + 1)
        }
    }
}

/// The brace that opens the body of the function whose keyword ends at `start`; nil for a
/// requirement of a protocol, which has none.
private func body(ofFunctionAt start: Int, in code: [UInt8]) -> Int? {
    var at = start
    while at < code.count, code[at] != UInt8(ascii: "("), code[at] != UInt8(ascii: "{"),
        code[at] != 0x0A
    {
        at += 1
    }
    if at < code.count, code[at] == UInt8(ascii: "(") {
        guard let close = closing(of: at, in: code) else { return nil }
        at = close + 1
    }
    while at < code.count {
        switch code[at] {
        case UInt8(ascii: "{"): return at
        case UInt8(ascii: "}"): return nil
        case 0x0A where !signatureGoesOn(after: at, in: code): return nil
        case UInt8(ascii: "("):
            guard let close = closing(of: at, in: code) else { return nil }
            at = close + 1
        default: at += 1
        }
    }
    return nil
}

/// Whether the line after the one that ends at `end` still belongs to a signature.
private func signatureGoesOn(after end: Int, in code: [UInt8]) -> Bool {
    let before = code[..<end].last { $0 != 0x20 && $0 != 0x0A }
    if let before, Array(",:&".utf8).contains(before) { return true }
    if code[..<end].suffix(2).elementsEqual("->".utf8) { return true }
    guard let next = code[end...].firstIndex(where: { $0 != 0x20 && $0 != 0x0A })
    else { return false }
    return ["{", "->", "where ", "throws", "async", "rethrows"]
        .contains { code[next...].starts(with: $0.utf8) }
}
