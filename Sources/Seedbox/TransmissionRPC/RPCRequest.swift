import JSONText

/// One call: what is to be done, and how its answer is written.
struct RPCRequest {
    enum Dialect: Sendable {
        /// `{"method", "arguments", "tag"}`; the tag is the number that was given, if any was.
        case old(tag: JSON?)
        /// JSON-RPC 2.0; without an id nobody waits for the answer.
        case jsonRPC(id: JSON?)
    }

    /// In the one form that both spellings come to.
    let method: String
    let arguments: RPCArguments
    let dialect: Dialect

    var spelling: Spelling { if case .old = dialect { .old } else { .new } }

    /// Nil if the answer is not waited for.
    var isNotification: Bool { if case .jsonRPC(nil) = dialect { true } else { false } }

    /// What a value is that does not even say whom to answer.
    struct Malformed: Error {
        let dialect: Dialect
        let failure: RPCFailure
    }

    init(_ json: JSON) throws(Malformed) {
        guard case .object = json else {
            throw Malformed(
                dialect: .jsonRPC(id: .null),
                failure: RPCFailure(.invalidRequest, "a request is an object"))
        }
        dialect = try Self.dialect(of: json)
        let name = json["method"]?.string
        guard let name else {
            throw Malformed(
                dialect: dialect, failure: RPCFailure(.invalidRequest, "no method name"))
        }
        let given = json[spellingOfArguments(dialect)]
        switch given {
        case .object, .null, nil: arguments = RPCArguments(given ?? .null)
        default:
            throw Malformed(
                dialect: dialect,
                failure: RPCFailure(.invalidParameters, "the arguments are no object"))
        }
        method = Spelling.plain(name)
    }

    private static func dialect(of json: JSON) throws(Malformed) -> Dialect {
        guard let version = json["jsonrpc"] else {
            if case .integer = json["tag"] { return .old(tag: json["tag"]) }
            if case .number = json["tag"] { return .old(tag: json["tag"]) }
            return .old(tag: nil)
        }
        guard version == "2.0" else {
            throw Malformed(
                dialect: .jsonRPC(id: .null),
                failure: RPCFailure(.invalidRequest, "the version of JSON-RPC is not 2.0"))
        }
        switch json["id"] {
        case nil: return .jsonRPC(id: nil)
        case .string, .integer, .number, .null: return .jsonRPC(id: json["id"])
        default:
            throw Malformed(
                dialect: .jsonRPC(id: .null),
                failure: RPCFailure(.invalidRequest, "an id is a text, a number or null"))
        }
    }
}

private func spellingOfArguments(_ dialect: RPCRequest.Dialect) -> String {
    if case .old = dialect { "arguments" } else { "params" }
}

// MARK: Answers

extension RPCRequest.Dialect {
    /// What stands before and after the arguments of an answer. Between them, and only there, is
    /// what depends on the method, so that it can be sent while it is written.
    var success: (prefix: [UInt8], suffix: [UInt8]) {
        switch self {
        case .old(let tag):
            let tag = tag.map { ",\"tag\":\($0.text)" } ?? ""
            return (Array(#"{"arguments":"#.utf8), Array(#","result":"success"\#(tag)}"#.utf8))
        case .jsonRPC(let id):
            let id = (id ?? .null).text
            return (Array(#"{"jsonrpc":"2.0","result":"#.utf8), Array(#","id":\#(id)}"#.utf8))
        }
    }

    func failure(_ failure: RPCFailure) -> [UInt8] {
        switch self {
        case .old(let tag):
            var members: [JSON.Member] = [
                ("arguments", .object([])), ("result", .string(failure.text)),
            ]
            if let tag { members.append(("tag", tag)) }
            return Array(JSON.object(members).text.utf8)
        case .jsonRPC(let id):
            let answer: JSON = [
                "jsonrpc": "2.0",
                "error": [
                    "code": .count(failure.code.rawValue),
                    "message": .string(failure.code.message),
                    "data": ["error_string": .string(failure.text)],
                ],
                "id": id ?? .null,
            ]
            return Array(answer.text.utf8)
        }
    }
}
