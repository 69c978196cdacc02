import Glibc
public import JSONText

/// Why a command did not do what it was asked: one line that names the thing, says what is wrong
/// with it and, where that is not plain, what to do.
public struct Failure: Error, Equatable, Sendable {
    public let status: ExitStatus
    /// What it is about: a file, a link, an address, as the user wrote it.
    public let subject: String?
    public let problem: String
    public let remedy: String?

    public init(_ status: ExitStatus, _ subject: String?, _ problem: String, remedy: String? = nil)
    {
        self.status = status
        self.subject = subject
        self.problem = problem
        self.remedy = remedy
    }

    /// A failure that an `errno` explains.
    public init(_ status: ExitStatus, _ subject: String?, errno code: Int32, remedy: String? = nil)
    {
        self.init(status, subject, systemErrorText(code), remedy: remedy)
    }

    /// The line without the program's name; nothing in it can steer a terminal.
    public var message: String {
        let text = [subject, problem].compactMap(\.self).joined(separator: ": ")
        return terminalSafe(remedy.map { "\(text); \($0)" } ?? text)
    }

    /// What standard error gets of it.
    public func line(from program: String) -> String { "\(program): \(message)" }

    /// The same for `--json`.
    public var json: JSON {
        var members: [JSON.Member] = [
            ("code", .integer(Int64(status.rawValue))), ("message", .string(message)),
        ]
        if let subject { members.append(("subject", .string(subject))) }
        return ["error": .object(members)]
    }
}

/// The system's words for an `errno`: `no such file or directory`.
public func systemErrorText(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    let words = String(cString: text)
    // The line goes on after a colon, so only abbreviations keep their capitals.
    let second = words.dropFirst().first
    return second?.isLowercase == true ? words.prefix(1).lowercased() + words.dropFirst() : words
}
