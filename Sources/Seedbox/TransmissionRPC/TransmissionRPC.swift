import HTTPTypes
import JSONText

/// Transmission's RPC: what most programs speak that drive a seedbox. The old dialect, as all of
/// them send it, and JSON-RPC 2.0, as Transmission's own do from 4.1 on.
public struct TransmissionRPC: Sendable {
    let seedbox: Seedbox
    /// What a request must repeat, so that no page of another site can have made it: a page can
    /// send, but cannot read the answer that tells this. The same for as long as the program runs,
    /// since some give up if it changes between two answers.
    let sessionID: String

    public init(_ seedbox: Seedbox) {
        self.seedbox = seedbox
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        sessionID = String((0..<48).compactMap { _ in letters.randomElement() })
    }

    public static let path = "/transmission/rpc"

    public var routes: [Route] {
        [
            Route(
                .get, Self.path, .read, "Transmission's RPC: tells the id of the session",
                replyType: "application/json", forgeryGuard: .own
            ) { call throws(HTTPFailure) in
                guard !isOfSession(call) else {
                    throw HTTPFailure(
                        .methodNotAllowed, "method-not-allowed", "send calls by POST",
                        headers: [.allow: "POST"])
                }
                return handshake
            },
            Route(
                .post, Self.path, .read, "Transmission's RPC: one call, or a batch of them",
                body: .any, reply: .any, bodyBytesMax: Limits.manifestBodyBytesMax,
                forgeryGuard: .own
            ) { call throws(HTTPFailure) in
                guard isOfSession(call) else { return handshake }
                return await answer(try call.json(), for: call.grant)
            },
        ]
    }

    // MARK: The session

    private func isOfSession(_ call: HTTPCall) -> Bool {
        HTTPField.Name.transmissionSessionID.map { call.headers[$0] } == sessionID
    }

    /// Programs take the id out of a 409, and of nothing else.
    private var handshake: HTTPReply {
        var reply = HTTPReply(
            .conflict, type: "text/plain; charset=utf-8",
            Array("Repeat this with the X-Transmission-Session-Id of this answer.\n".utf8))
        if let name = HTTPField.Name.transmissionSessionID { reply.headers[name] = sessionID }
        if let name = HTTPField.Name.transmissionRPCVersion {
            reply.headers[name] = RPCVersion.semanticOfJSONRPC
        }
        return reply
    }

    // MARK: Calls

    private func answer(_ json: JSON, for grant: Grant) async -> HTTPReply {
        guard let batch = json.elements else { return await reply(to: json, for: grant) }
        guard (1...Limits.rpcBatchMax).contains(batch.count) else {
            let failure = RPCFailure(
                .invalidRequest, "a batch has from 1 to \(Limits.rpcBatchMax) requests")
            return Self.reply(RPCRequest.Dialect.jsonRPC(id: .null).failure(failure))
        }
        var answers: [[UInt8]] = []
        for json in batch {
            guard json["jsonrpc"] != nil else {
                let failure = RPCFailure(.invalidRequest, "a batch is of JSON-RPC 2.0")
                answers.append(RPCRequest.Dialect.jsonRPC(id: .null).failure(failure))
                continue
            }
            if let answer = await bytes(of: json, for: grant) { answers.append(answer) }
        }
        guard !answers.isEmpty else { return .empty }
        return Self.reply(
            [UInt8(ascii: "[")] + answers.joined(separator: [UInt8(ascii: ",")])
                + [UInt8(ascii: "]")])
    }

    /// The answer to one call; nil to one whose answer is not waited for.
    private func bytes(of json: JSON, for grant: Grant) async -> [UInt8]? {
        switch await reply(to: json, for: grant).body {
        case .bytes(let bytes): return bytes.isEmpty ? nil : bytes
        case .stream(let parts):
            var bytes: [UInt8] = []
            for await part in parts { bytes += part }
            return bytes
        }
    }

    private func reply(to json: JSON, for grant: Grant) async -> HTTPReply {
        let request: RPCRequest
        do {
            request = try RPCRequest(json)
        } catch {
            return Self.reply(error.dialect.failure(error.failure))
        }
        let result: RPCResult
        do throws(RPCFailure) {
            guard let method = RPCMethod(rawValue: request.method) else {
                throw RPCFailure(.methodNotFound, "method name not recognized")
            }
            guard grant.scope >= method.scope else {
                throw RPCFailure(
                    .invalidRequest, "needs a token with the scope '\(method.scope.rawValue)'")
            }
            result = try await run(method, request, for: grant)
        } catch {
            return request.isNotification
                ? .empty : Self.reply(request.dialect.failure(error))
        }
        guard !request.isNotification else { return .empty }
        let (prefix, suffix) = request.dialect.success
        switch result {
        case .arguments(let bytes): return Self.reply(prefix + bytes + suffix)
        case .stream(let parts):
            return HTTPReply(
                headers: [.contentType: "application/json"],
                body: Self.enclosed(parts, prefix, suffix))
        }
    }

    private static func enclosed(
        _ parts: some AsyncSequence<[UInt8], Never> & Sendable, _ prefix: [UInt8],
        _ suffix: [UInt8]
    ) -> HTTPReply.Body {
        .stream(EnclosedParts(prefix: prefix, parts: parts, suffix: suffix))
    }

    private static func reply(_ bytes: [UInt8]) -> HTTPReply {
        HTTPReply(type: "application/json", bytes)
    }

    private func run(
        _ method: RPCMethod, _ request: RPCRequest, for grant: Grant
    ) async throws(RPCFailure) -> RPCResult {
        let arguments = request.arguments
        switch method {
        case .torrentGet:
            let hidesSecrets = grant.scope < .control
            return try await torrentGet(arguments, request.spelling, hidesSecrets: hidesSecrets)
        case .torrentAdd: return .value(try await torrentAdd(arguments, request.spelling))
        case .torrentSet: try await torrentSet(arguments)
        case .torrentRemove: try await torrentRemove(arguments)
        case .torrentSetLocation: try await torrentSetLocation(arguments)
        case .torrentRenamePath: return .value(try await torrentRenamePath(arguments))
        case .sessionGet: return .value(try await sessionGet(arguments, request.spelling))
        case .sessionSet: try await sessionSet(arguments)
        case .sessionStats: return .value(sessionStats(request.spelling))
        case .freeSpace: return .value(try await freeSpace(arguments, request.spelling))
        case .groupGet: return .value(try groupGet(arguments, request.spelling))
        case .groupSet: try await groupSet(arguments)
        case .portTest, .blocklistUpdate, .sessionClose: throw refusal(of: method)
        default: try await act(method, arguments)
        }
        return .value(.object([]))
    }
}

/// What is sent as the arguments of an answer: at once, or as it is written.
enum RPCResult {
    case arguments([UInt8])
    case stream(any AsyncSequence<[UInt8], Never> & Sendable)

    static func value(_ json: JSON) -> RPCResult { .arguments(Array(json.text.utf8)) }
}
