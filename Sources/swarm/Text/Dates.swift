import Glibc

/// A moment as `2024-05-06 07:08:09 UTC`; the number alone if no calendar has it.
func dateText(secondsSince1970 seconds: Int64) -> String {
    var time = time_t(seconds)
    var parts = tm()
    guard seconds >= 0, gmtime_r(&time, &parts) != nil, parts.tm_year < 8_100 else {
        return "\(seconds) seconds since 1970"
    }
    let two = { (value: Int32) in value < 10 ? "0\(value)" : "\(value)" }
    let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    return "\(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) UTC"
}

/// The local time in the words of ctime(3).
func localTimeText() -> String {
    var now = time(nil)
    var parts = tm()
    guard localtime_r(&now, &parts) != nil else { return "" }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
        guard let base = buffer.baseAddress, asctime_r(&parts, base) != nil else { return "" }
        return String(cString: base).filter { !$0.isNewline }
    }
}
