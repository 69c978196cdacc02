public import Bencode
public import Units

/// When a tracker may be asked again after it refused (BEP 31, and HTTP's `Retry-After`).
public enum RetryAdvice: Hashable, Sendable {
    case never
    case after(Interval)
}

/// Why an announce or a scrape brought no answer. One word in size, since most of the places that
/// are kept for one stay empty.
public indirect enum TrackerError: Error, Hashable, Sendable {
    /// The tracker's own words, cleaned and shortened.
    case refused(reason: String, retry: RetryAdvice?)
    case httpStatus(Int, retryAfter: Interval?)
    /// The reply is no bencoding, as when a web page comes instead.
    case notBencoded(BencodeError)
    /// The reply is bencoded, but not as a tracker's; `key` is what is missing or wrong.
    case malformedReply(key: String)
    case replyTooLarge(limit: Int)
    case timedOut
    case nameNotFound(String)
    /// No connection, or it broke; the words are the system's.
    case unreachable(String)
    /// The tracker could not prove who it is.
    case insecure(String)
    /// The host led to an address at which this URL may not be asked.
    case forbiddenAddress(Endpoint)
    case tooManyRedirects(limit: Int)
    case badRedirect(TrackerURLError)
    case scrapeNotSupported
    /// The tracker was not asked, as it had just left others unanswered.
    case avoided
    /// More is under way or waiting than we take on.
    case tooManyRequests(limit: Int)
    case cancelled

    /// What was said about asking again.
    public var retry: RetryAdvice? {
        switch self {
        case .refused(_, let retry): retry
        case .httpStatus(410, _): .never
        case .httpStatus(_, let retryAfter): retryAfter.map { .after($0) }
        default: nil
        }
    }

    /// What the error says about the tracker, for those who wait for it.
    public var ending: AnnounceGate.Ending {
        switch self {
        case .timedOut, .nameNotFound, .unreachable: .silent
        case .cancelled, .avoided, .tooManyRequests: .withdrawn
        default: .answered
        }
    }

    /// Whether somebody answered, but not as a tracker that wants us does. Asking often will
    /// not help then, and whoever it is must not be flooded.
    var isRefusal: Bool {
        switch self {
        case .refused, .httpStatus, .notBencoded, .malformedReply, .replyTooLarge, .insecure,
            .forbiddenAddress, .tooManyRedirects, .badRedirect, .scrapeNotSupported:
            true
        case .timedOut, .nameNotFound, .unreachable, .avoided, .tooManyRequests, .cancelled: false
        }
    }
}

extension TrackerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .refused(let reason, _): "the tracker says: \(reason)"
        case .httpStatus(let status, _): "the tracker answers with HTTP status \(status)"
        case .notBencoded(let error): "the reply is not a tracker's: \(error)"
        case .malformedReply(let key): "the reply is not a tracker's: \"\(key)\""
        case .replyTooLarge(let limit): "the reply has over \(limit) bytes"
        case .timedOut: "the tracker does not answer"
        case .nameNotFound(let host): "the name \(host) is not known"
        case .unreachable(let why): "the tracker cannot be reached: \(why)"
        case .insecure(let why): "the tracker cannot prove who it is: \(why)"
        case .forbiddenAddress(let address):
            "the tracker's name leads to \(address.addressText), where only /announce is asked"
        case .tooManyRedirects(let limit): "the tracker redirects over \(limit) times"
        case .badRedirect(let error): "the tracker redirects badly: \(error)"
        case .scrapeNotSupported: "the tracker cannot be scraped"
        case .avoided: "the tracker has just left other requests unanswered"
        case .tooManyRequests(let limit): "over \(limit) requests are waiting"
        case .cancelled: "the request was given up"
        }
    }
}
