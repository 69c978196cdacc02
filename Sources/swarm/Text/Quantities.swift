import Units

/// A size without rounding: `16 KiB`, `16385 B`.
func exactSizeText(_ bytes: Int64) -> String {
    let text = sizeText(bytes)
    guard bytes.magnitude >= 1024 else { return text }
    let shift = min(60, (63 - bytes.magnitude.leadingZeroBitCount) / 10 * 10)
    guard bytes.magnitude.trailingZeroBitCount >= shift else { return "\(bytes) B" }
    return "\(bytes >> Int64(shift)) " + (text.split(separator: " ").last ?? "")
}

/// `12.3 MiB/s`.
func rateText(_ rate: ByteRate) -> String { sizeText(rate.bytesPerSecond) + "/s" }

/// How long something took: to a tenth of a second where it was short.
func durationText(_ interval: Interval) -> String {
    let tenths = max(0, interval.nanoseconds) / 100_000_000
    return tenths < 100 ? "\(tenths / 10).\(tenths % 10)s" : intervalText(interval)
}

/// A length of time in its two largest units: `45s`, `3m20s`, `2h05m`, `3d04h`.
func intervalText(_ interval: Interval) -> String {
    let seconds = max(0, interval.nanoseconds) / 1_000_000_000
    let minutes = seconds / 60
    let hours = minutes / 60
    let days = hours / 24
    if minutes == 0 { return "\(seconds)s" }
    if hours == 0 { return "\(minutes)m\(twoDigits(seconds % 60))s" }
    if days == 0 { return "\(hours)h\(twoDigits(minutes % 60))m" }
    return days < 100 ? "\(days)d\(twoDigits(hours % 24))h" : "over 100 days"
}

private func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }

/// `part` of `whole` in percent, rounded down, so that 100.0 means all of it.
func percentText(_ part: Int64, of whole: Int64) -> String {
    guard whole > 0 else { return "100.0%" }
    let permille = permille(part, of: whole)
    return "\(permille / 10).\(permille % 10)%"
}

/// Thousandths of `whole`, rounded down, 0 to 1000.
func permille(_ part: Int64, of whole: Int64) -> Int64 {
    guard whole > 0 else { return 1000 }
    let bounded = min(max(part, 0), whole)
    let (high, low) = bounded.multipliedFullWidth(by: 1000)
    return whole.dividingFullWidth((high, low)).quotient
}

/// A ratio with two digits after the point, rounded down; `nil` when nothing was downloaded.
func ratioText(_ ratio: Double?) -> String {
    guard let ratio, ratio.isFinite, ratio >= 0, ratio < 1_000_000 else { return "–" }
    let hundredths = Int64(ratio * 100)
    return "\(hundredths / 100).\(twoDigits(hundredths % 100))"
}

/// `1 peer`, `2 peers`.
func countText(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(count) \(count == 1 ? singular : plural ?? singular + "s")"
}

/// A number in groups of three digits: `1,448,576`.
func groupedText(_ value: Int64) -> String {
    let digits = Array(String(value.magnitude))
    var text = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return text
}
