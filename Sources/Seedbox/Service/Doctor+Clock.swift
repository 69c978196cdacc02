import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1

extension Doctor {
    /// Compares the clock with that of a server on the web.
    public func compareClock(with link: String) async -> Finding {
        do {
            var request = HTTPClientRequest(url: link)
            request.method = .HEAD
            let reply = try await HTTPClient.shared.execute(
                request, timeout: .seconds(Limits.clockSecondsMax))
            guard let theirs = reply.headers.first(name: "Date").flatMap(Self.seconds(httpDate:))
            else { return Finding(.warning, "clock", "\(link) does not say what time it is") }
            return Self.clock(ours: Int64(time(nil)), theirs: theirs, link)
        } catch {
            return Finding(.warning, "clock", "\(link) cannot be asked: not compared")
        }
    }

    static func clock(ours: Int64, theirs: Int64, _ link: String) -> Finding {
        let (difference, overflow) = ours.subtractingReportingOverflow(theirs)
        let distance = overflow ? .max : difference.magnitude
        guard distance > Limits.clockSecondsApart else {
            return Finding(.ok, "clock", "as that of \(link)")
        }
        return Finding(
            .failure, "clock",
            "\(distance) seconds \(difference > 0 ? "ahead of" : "behind") that of \(link)",
            fix: "sudo timedatectl set-ntp true")
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, in seconds since 1970.
    static func seconds(httpDate text: String) -> Int64? {
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int32(words[1]),
            let month = months.firstIndex(where: { $0 == words[2] }), let year = Int32(words[3]),
            (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").compactMap { Int32($0) }
        guard clock.count == 3 else { return nil }
        var parts = tm()
        parts.tm_mday = day
        parts.tm_mon = Int32(month)
        parts.tm_year = year - 1900
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
        return Int64(timegm(&parts))
    }
}
