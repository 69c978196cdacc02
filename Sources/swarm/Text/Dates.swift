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
