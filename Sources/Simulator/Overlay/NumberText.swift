/// The number with so many decimals, rounded: `46.3`.
func decimalText(_ value: Double, places: Int) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "–" }
    let scale = (0..<places).reduce(1) { product, _ in product * 10 }
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard places > 0 else { return "\(sign)\(scaled)" }
    let fraction = String(scaled % scale)
    let padding = String(repeating: "0", count: places - fraction.count)
    return "\(sign)\(scaled / scale).\(padding)\(fraction)"
}

/// The number with its digits in groups of three: `1,098,056`.
func groupedText(_ value: Int) -> String {
    var output = ""
    let digits = String(value.magnitude)
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { output += "," }
        output.append(digit)
    }
    return value < 0 ? "-\(output)" : output
}

/// Three digits that count, or the whole number where it has more: `4.62`, `46.2`, `1,098,056`.
func figureText(_ value: Double) -> String {
    switch value.magnitude {
    case ..<9.995: decimalText(value, places: 2)
    case ..<99.95: decimalText(value, places: 1)
    case ..<1e15: groupedText(Int(value.rounded()))
    default: "–"
    }
}

/// The logarithm to base 10 of a positive number.
func decimalLogarithm(_ value: Double) -> Double {
    precondition(value > 0 && value.isFinite)
    // log2 digit by digit: squaring the significand doubles its logarithm.
    var logarithm = Double(value.exponent)
    var rest = value.significand
    var digit = 0.5
    for _ in 0..<52 {
        rest *= rest
        if rest >= 2 {
            rest /= 2
            logarithm += digit
        }
        digit /= 2
    }
    return logarithm * 0.301_029_995_663_981_2
}
