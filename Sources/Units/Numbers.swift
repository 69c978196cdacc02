/// A number with its unit, as `1.5G` is 1.5 and `G`.
private struct Measure {
    let whole: Int64
    /// The fraction in billionths.
    let billionths: Int64
    let unit: Substring

    /// `nil` unless `text` begins with a decimal number.
    init?(_ text: Substring) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let whole = Int64(digits) else { return nil }
        var rest = text[digits.endIndex...]
        var billionths: Int64 = 0
        if rest.first == "." {
            let fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
            guard (1...9).contains(fraction.count) else { return nil }
            let zeros = String(repeating: "0", count: 9 - fraction.count)
            guard let value = Int64(fraction + zeros) else { return nil }
            billionths = value
            rest = rest[fraction.endIndex...]
        }
        self.whole = whole
        self.billionths = billionths
        self.unit = rest
    }

    /// The number times `factor`, rounded down; `nil` if it does not fit.
    func times(_ factor: Int64) -> Int64? {
        let (product, overflow) = whole.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        // The fraction is under a billion, so that the quotient is under the factor.
        let wide = billionths.multipliedFullWidth(by: factor)
        let part = Int64(1_000_000_000).dividingFullWidth(wide).quotient
        let (sum, carried) = product.addingReportingOverflow(part)
        return carried ? nil : sum
    }
}

/// Powers of 1024 for `k`, `Ki`, `KiB`; of 1000 for `KB`. `nil` for another unit.
private func byteFactor(_ unit: Substring) -> Int64? {
    let lower = unit.lowercased()
    if lower.isEmpty || lower == "b" { return 1 }
    guard let prefix = lower.first, let power = "kmgtp".firstIndex(of: prefix) else { return nil }
    let exponent = "kmgtp".distance(from: "kmgtp".startIndex, to: power) + 1
    switch lower.dropFirst() {
    case "", "i", "ib": return (0..<exponent).reduce(Int64(1)) { product, _ in product * 1024 }
    case "b": return (0..<exponent).reduce(Int64(1)) { product, _ in product * 1000 }
    default: return nil
    }
}

/// A size in bytes: `16k`, `10M` and `10MiB` in powers of 1024, `10MB` in powers of 1000.
public func parseSize(_ text: String) throws(ValueFault) -> Int64 {
    guard let measure = Measure(text[...]) else { throw .notASize }
    guard let factor = byteFactor(measure.unit) else { throw .notASize }
    guard let bytes = measure.times(factor) else { throw .outOfRange }
    return bytes
}

/// A rate: a size a second, or bits a second as `80mbit`; `nil` for no limit (`0` and `none`).
public func parseRate(_ text: String) throws(ValueFault) -> ByteRate? {
    if text.lowercased() == "none" { return nil }
    guard let measure = Measure(text[...]) else { throw .notARate }
    let unit = measure.unit.hasSuffix("/s") ? measure.unit.dropLast(2) : measure.unit
    let value: Int64?
    if unit.lowercased().hasSuffix("bit") {
        guard let factor = bitFactor(unit.lowercased().dropLast(3)) else { throw .notARate }
        value = measure.times(factor).map { $0 / 8 }
    } else {
        // `Mb` is read by some as bits and by others as bytes.
        if unit.count == 2, unit.hasSuffix("b"), unit.first?.isUppercase == true {
            throw .ambiguousBits(String(unit))
        }
        guard let factor = byteFactor(unit) else { throw .notARate }
        value = measure.times(factor)
    }
    guard let value else { throw .outOfRange }
    return value > 0 ? ByteRate(bytesPerSecond: value) : nil
}

private func bitFactor(_ prefix: Substring) -> Int64? {
    switch prefix {
    case "": 1
    case "k": 1_000
    case "m": 1_000_000
    case "g": 1_000_000_000
    case "ki": 1 << 10
    case "mi": 1 << 20
    case "gi": 1 << 30
    default: nil
    }
}

/// A length of time: `90s`, `5m`, `2h`, `1d`, `1h30m`; a bare number is seconds.
public func parseInterval(_ text: String) throws(ValueFault) -> Interval {
    var rest = text[...]
    var total = Interval.zero
    var smallest = Int64.max
    repeat {
        guard let measure = Measure(rest) else { throw .notAnInterval }
        let unit = measure.unit.prefix { $0.isLetter }
        guard let factor = intervalFactor(unit, isAlone: rest.count == text.count),
            factor < smallest
        else { throw .notAnInterval }
        smallest = factor
        guard let part = measure.times(factor) else { throw .outOfRange }
        total = total + Interval(nanoseconds: part)
        rest = measure.unit[unit.endIndex...]
    } while !rest.isEmpty
    guard total.nanoseconds < .max else { throw .outOfRange }
    return total
}

/// Nanoseconds in the unit. Only the first number may go without one.
private func intervalFactor(_ unit: Substring, isAlone: Bool) -> Int64? {
    let second: Int64 = 1_000_000_000
    switch unit.lowercased() {
    case "": return isAlone ? second : nil
    case "ms": return 1_000_000
    case "s", "sec": return second
    case "m", "min": return 60 * second
    case "h": return 3_600 * second
    case "d": return 86_400 * second
    case "w": return 604_800 * second
    default: return nil
    }
}

/// An upload ratio, 0 or more.
public func parseRatio(_ text: String) throws(ValueFault) -> Double {
    guard let measure = Measure(text[...]), measure.unit.isEmpty else { throw .notARatio }
    return Double(measure.whole) + Double(measure.billionths) / 1e9
}
