import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import Synchronization
import Transport
import Units

extension HTTPServer {
    /// A request whose route and sender are known, and whose body is not read yet.
    private struct Admitted: Sendable {
        let route: Route
        var call: HTTPCall
        let declaredBytes: Int?
    }

    /// The connection cannot be used again: what is left of a refused body is still under way, or
    /// it was for one answer that did not end.
    private struct ConnectionIsOver: Error {}

    /// One request and its answer.
    func exchange(
        _ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel,
        isSocket: Bool
    ) async throws {
        let rules = currentRules
        let admitted: Admitted
        do throws(HTTPFailure) {
            admitted = try await admit(
                request.head, rules, remote(of: channel, isSocket, request, rules))
        } catch {
            return try await refuse(request, error, writer, rules)
        }
        var call = admitted.call
        let reserved = admitted.declaredBytes ?? admitted.route.bodyBytesMax
        guard connections.reserve(bodyBytes: reserved) else {
            return try await refuse(request, .busy, writer, rules)
        }
        defer { connections.release(bodyBytes: reserved) }
        if request.headers[.expect]?.lowercased() == "100-continue", reserved > 0 {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        guard let body = try await collect(request.body, max: admitted.route.bodyBytesMax) else {
            return try await refuse(request, .bodyTooLarge(admitted.route), writer, rules)
        }
        call.body = body
        var reply: HTTPReply
        do throws(HTTPFailure) {
            reply = try await admitted.route.handler(call)
        } catch {
            reply = error.reply
        }
        var gone: AsyncStream<Void>?
        if reply.isEndless, request.method != .head {
            let (stream, told) = AsyncStream<Void>.makeStream()
            gone = stream
            if !connections.makeEndless(channel, onLeaving: { told.finish() }) {
                reply = HTTPFailure.busy.reply
            }
        }
        logger.debug(
            "answered",
            metadata: [
                "method": "\(call.method)", "route": "\(admitted.route.pattern)",
                "status": "\(reply.status.code)", "by": "\(call.grant.name)",
            ])
        try await send(reply, for: request, writer, rules, until: gone)
    }

    /// SAFETY: `@unchecked Sendable`, as only the one task that it is lent to uses it.
    private struct LentWriter: @unchecked Sendable { let body: any ResponseBodyWriter }

    // MARK: Checks

    private func admit(
        _ head: HTTPRequest, _ rules: Rules, _ sender: (remote: Remote, isDirect: Bool)
    ) async throws(HTTPFailure) -> Admitted {
        if let refusal = rules.gate.refusal(of: head) {
            tell(refusal)
            throw refusal
        }
        guard let raw = head.path, raw.utf8.count <= Limits.targetBytesMax else {
            throw HTTPFailure(.uriTooLong, "uri-too-long", "the path is too long")
        }
        guard let target = RequestTarget(raw, basePath: rules.basePath) else {
            // Who types the address forgets the last slash, without which the page finds no part.
            guard raw == rules.basePath else { throw .notFound }
            throw HTTPFailure(
                .permanentRedirect, "moved", "the page is at \(raw)/",
                headers: [.location: raw + "/"])
        }
        if head.method == .options, let origin = rules.gate.friendlyOrigin(of: head) {
            throw .preflight(origin)
        }
        let (route, parameters) = try route(head.method, target)
        let grant = try await grant(head, route, sender)
        if route.forgeryGuard == .header, let forgery = rules.gate.forgery(of: head) {
            throw forgery
        }
        let declared = try declaredBytes(of: head)
        if let declared, declared > route.bodyBytesMax { throw .bodyTooLarge(route) }
        let call = HTTPCall(
            method: head.method, path: target.path, parameters: parameters, query: target.query,
            headers: head.headerFields, remote: sender.remote, grant: grant)
        return Admitted(route: route, call: call, declaredBytes: declared)
    }

    private func route(
        _ method: HTTPRequest.Method, _ target: RequestTarget
    ) throws(HTTPFailure) -> (Route, [String: String]) {
        switch router.match(method, target.segments) {
        case .route(let route, let parameters): return (route, parameters)
        case .nothing: throw .notFound
        case .otherMethods(let methods):
            let allowed = Set(methods.map(\.rawValue)).sorted().joined(separator: ", ")
            throw HTTPFailure(
                .methodNotAllowed, "method-not-allowed", "this path takes \(allowed)",
                headers: [.allow: allowed])
        }
    }

    private func grant(
        _ head: HTTPRequest, _ route: Route, _ sender: (remote: Remote, isDirect: Bool)
    ) async throws(HTTPFailure) -> Grant {
        guard route.scope > .open else { return Grant(name: "anybody", scope: .open) }
        let verdict = await authority.judge(
            head.headerFields[.authorization], from: sender.remote, isDirect: sender.isDirect,
            now: Int64(clamping: NIODeadline.now().uptimeNanoseconds) / 1_000_000_000)
        switch verdict {
        case .granted(let grant):
            guard grant.scope >= route.scope else {
                throw HTTPFailure(
                    .forbidden, "forbidden",
                    "'\(grant.name)' may \(grant.scope.rawValue), and this takes "
                        + route.scope.rawValue)
            }
            return grant
        case .unknown where !authority.hasSecrets:
            throw HTTPFailure(
                .forbidden, "no-password",
                "no password is set, so only this machine may ask, and without a proxy: "
                    + "set api.password-file or a token")
        case .unknown: throw .unauthorized("a password or a token is needed")
        case .wrong:
            // Who tries again and again has to wait, so that nobody can fill the log.
            let place = "\(sender.remote)".shownInLog
            logger.notice("a wrong password or token", metadata: ["from": .string(place)])
            throw .unauthorized("wrong password or token")
        case .mustWait(let seconds):
            throw HTTPFailure(
                .tooManyRequests, "too-many-failures",
                "too many wrong passwords: wait \(seconds) s",
                headers: [.retryAfter: "\(seconds)"])
        case .busy: throw .busy
        }
    }

    /// Bytes of the body as its sender says; nil if it comes in chunks of any number.
    private func declaredBytes(of head: HTTPRequest) throws(HTTPFailure) -> Int? {
        let lengths = head.headerFields[values: .contentLength]
        let codings = head.headerFields[values: .transferEncoding]
        guard lengths.count <= 1, codings.count <= 1, lengths.isEmpty || codings.isEmpty else {
            throw HTTPFailure(
                .badRequest, "ambiguous-length", "the end of the body is said in two ways")
        }
        if !codings.isEmpty { return nil }
        guard let text = lengths.first else { return 0 }
        guard let length = Int(text), length >= 0, text.utf8.allSatisfy(\.isDigit) else {
            throw HTTPFailure(.badRequest, "bad-length", "Content-Length is no number")
        }
        return length
    }

    /// Whoever sends: as the connection says, or as a trusted proxy does.
    private func remote(
        of channel: any Channel, _ isSocket: Bool, _ request: Request, _ rules: Rules
    ) -> (remote: Remote, isDirect: Bool) {
        let forwarded = request.headers[values: .forwardedFor]
        let isDirect = forwarded.isEmpty && request.headers[values: .forwarded].isEmpty
        var here = Endpoint(channel.remoteAddress)?.address
        guard !forwarded.isEmpty else { return (Remote(here, isSocket), isDirect) }
        let hops = forwarded.joined(separator: ",").split(separator: ",").reversed()
        for hop in hops {
            if let here, !rules.proxies.contains(where: { $0.contains(here) }) { break }
            guard here != nil || isSocket,
                let next = Endpoint(addressText: hop.filter { $0 != " " }, port: 0)
            else { break }
            here = next
        }
        return (Remote(here, isSocket), isDirect)
    }

    /// Says each foreign name once, so that its owner can allow it, and nobody can fill the log.
    private func tell(_ refusal: HTTPFailure) {
        let isNew = refusedHosts.withLock { told in
            told.count < Limits.refusedHostsMax && told.insert(refusal.message).inserted
        }
        if isNew { logger.notice("refused a request: \(refusal.message)") }
    }

    // MARK: Bodies

    /// Nil if there is more than `max`.
    private func collect(_ body: RequestBody, max: Int) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        for try await part in body {
            guard bytes.count + part.readableBytes <= max else { return nil }
            bytes.append(contentsOf: part.readableBytesView)
        }
        return bytes
    }

    /// Answers what is not done. A long body that comes all the same is not waited for: the
    /// connection ends after some of it, so that the sender sees why.
    private func refuse(
        _ request: Request, _ failure: HTTPFailure, _ writer: consuming ResponseWriter,
        _ rules: Rules
    ) async throws {
        var reply = failure.reply
        let declared = request.headers[.contentLength].map { Int($0) ?? .max } ?? 0
        let isChunked = request.headers[.transferEncoding] != nil
        guard isChunked || declared > Limits.refusedBodyBytesMax else {
            return try await send(reply, for: request, writer, rules)
        }
        reply.headers[.connection] = "close"
        try await send(reply, for: request, writer, rules)
        throw ConnectionIsOver()
    }

    // MARK: Answers

    private func send(
        _ reply: HTTPReply, for request: Request, _ writer: consuming ResponseWriter,
        _ rules: Rules, until gone: AsyncStream<Void>? = nil
    ) async throws {
        var head = HTTPResponse(status: reply.status, headerFields: Self.guards)
        head.headerFields.append(
            HTTPField(name: .date, value: HTTPDate.text(Int64(time(nil)))))
        var saysHowLongItHolds = false
        for field in reply.headers where !Self.guards.contains(where: { $0.name == field.name }) {
            if field.name == .cacheControl { saysHowLongItHolds = true }
            head.headerFields.append(field)
        }
        if !saysHowLongItHolds { head.headerFields.append(Self.notKept) }
        if let origin = rules.gate.friendlyOrigin(of: request.head) {
            head.headerFields[.accessControlAllowOrigin] = origin
            let others = head.headerFields[.vary].map { "\($0), " } ?? ""
            head.headerFields[.vary] = others + "Origin"
        }
        switch reply.body {
        case .bytes(let bytes):
            if ![.noContent, .notModified].contains(reply.status) {
                head.headerFields.append(
                    HTTPField(name: .contentLength, value: "\(bytes.count)"))
            }
            guard request.method != .head, !bytes.isEmpty else {
                return try await writer.writeResponse(head)
            }
            let body = ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            try await writer.write(response: head, body: body)
        case .stream(let parts):
            guard request.method != .head else { return try await writer.writeResponse(head) }
            let body = try await writer.writeHead(head)
            guard reply.isEndless, let gone else {
                return try await Self.pump(parts, into: body)
            }
            try await Self.pump(parts, into: body, until: gone)
            throw ConnectionIsOver()
        }
    }

    /// Hummingbird has something like this, which traps if a body was read before.
    private static func pump(
        _ parts: any AsyncSequence<[UInt8], Never> & Sendable, into body: any ResponseBodyWriter,
        until gone: AsyncStream<Void>
    ) async throws {
        let lent = LentWriter(body: body)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await pump(parts, into: lent.body) }
            tasks.addTask { for await _ in gone {} }
            try await tasks.next()
            tasks.cancelAll()
        }
    }

    private static func pump(
        _ parts: some AsyncSequence<[UInt8], Never>, into body: some ResponseBodyWriter
    ) async throws {
        var body = body
        for await part in parts where !part.isEmpty {
            try await body.write(ByteBuffer(bytes: part))
        }
        try await body.finish(nil)
    }

    /// What every answer says, so that a browser does nothing with it that we did not mean.
    private static let guards: HTTPFields = [
        .contentSecurityPolicy:
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
        .xContentTypeOptions: "nosniff",
        .named("Referrer-Policy"): "no-referrer",
        .named("X-Frame-Options"): "DENY",
        .named("Cross-Origin-Resource-Policy"): "same-origin",
        .named("Cross-Origin-Opener-Policy"): "same-origin",
    ]
    private static let notKept = HTTPField(name: .cacheControl, value: "no-store")
}

extension Remote {
    fileprivate init(_ address: Endpoint?, _ isSocket: Bool) {
        self = address.map(Remote.address) ?? (isSocket ? .unixSocket : .nobody)
    }
}

extension HTTPFailure {
    fileprivate static let busy = HTTPFailure(
        .serviceUnavailable, "busy", "too much at once: try again", headers: [.retryAfter: "1"])

    fileprivate static func bodyTooLarge(_ route: Route) -> HTTPFailure {
        HTTPFailure(
            .contentTooLarge, "body-too-large",
            "at most \(route.bodyBytesMax) bytes are taken here")
    }

    fileprivate static func unauthorized(_ message: String) -> HTTPFailure {
        HTTPFailure(
            .unauthorized, "unauthorized", message,
            headers: [.wwwAuthenticate: #"Basic realm="swarm", charset="UTF-8""#])
    }

    /// No failure, but the same: answered before anything is done.
    fileprivate static func preflight(_ origin: String) -> HTTPFailure {
        HTTPFailure(
            .ok, "preflight", origin,
            headers: [
                .accessControlAllowMethods: "GET, POST, PUT, PATCH, DELETE",
                .accessControlAllowHeaders: "Authorization, Content-Type, X-Swarm-Request",
                .accessControlMaxAge: "600",
            ])
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
