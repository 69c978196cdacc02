import CWebPage
import HTTPTypes
import Hashing

/// The page for people with a browser. It is static, holds no secret, and speaks to `/api/v1` as
/// any other program does: so anybody may load it, and it asks for the password itself.
public enum WebPage {
    /// A file of the page.
    struct File: Sendable {
        let name: String
        let type: String
        let bytes: [UInt8]
        /// The same as long as the bytes are.
        let tag: String

        init(_ file: web_page_file) {
            name = String(cString: file.name)
            type = WebPage.type(of: name)
            bytes = Array(
                UnsafeBufferPointer<UInt8>(start: file.bytes, count: file.byte_count))
            tag = Self.tag(of: bytes)
        }

        private init(_ file: File, packed: [UInt8]) {
            (name, type, bytes) = (file.name, file.type, packed)
            tag = Self.tag(of: packed)
        }

        private static func tag(of bytes: [UInt8]) -> String {
            "\"\(SHA256Digest.hash(bytes).description.prefix(16))\""
        }

        /// Nil if it would not be smaller.
        var packed: File? {
            let packed = [UInt8](unsafeUninitializedCapacity: bytes.count) { room, count in
                count = web_page_pack(bytes, bytes.count, room.baseAddress, room.count)
            }
            return packed.isEmpty ? nil : File(self, packed: packed)
        }
    }

    public static var routes: [Route] {
        files.map { file in
            let isFirst = file.name == "index.html"
            return Route(
                .get, isFirst ? "/" : "/\(file.name)", .open,
                isFirst ? "The web page." : "A part of the web page.", replyType: file.type
            ) { call throws(HTTPFailure) in
                reply(with: file, to: call)
            }
        }
    }

    static let files: [File] = {
        var count = 0
        let first = web_page_files(&count)
        return UnsafeBufferPointer<web_page_file>(start: first, count: count).map(File.init)
    }()

    /// The same files in gzip's format, made when the first browser wants them.
    static let packed: [String: File] = Dictionary(
        uniqueKeysWithValues: files.compactMap { file in file.packed.map { (file.name, $0) } })

    /// A browser asks each time whether it still has what is current: after an update, parts of two
    /// versions never meet.
    private static func reply(with file: File, to call: HTTPCall) -> HTTPReply {
        let packed = call.headers.acceptsGzip ? packed[file.name] : nil
        let file = packed ?? file
        var headers: HTTPFields = [
            .eTag: file.tag, .cacheControl: "no-cache", .vary: "Accept-Encoding",
        ]
        let known = call.headers[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }
        if known.contains(where: { $0.filter { $0 != " " }.hasSuffix(file.tag) }) {
            return HTTPReply(.notModified, headers: headers)
        }
        if packed != nil { headers[.contentEncoding] = "gzip" }
        var reply = HTTPReply(type: file.type, file.bytes)
        for field in headers { reply.headers.append(field) }
        return reply
    }

    private static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }
}

extension HTTPFields {
    /// Whether the sender takes gzip, as it says (RFC 9110, 12.5.3): by name or by a star, and not
    /// with a weight of 0.
    var acceptsGzip: Bool {
        let codings = self[values: .acceptEncoding].flatMap {
            $0.lowercased().split(separator: ",")
        }
        var weights: [String: Double] = [:]
        for coding in codings {
            let parts = coding.split(separator: ";").map { $0.filter { $0 != " " } }
            guard let name = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }
            weights[String(name)] = weight.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
        }
        return weights["gzip"] ?? weights["*"] ?? 0 > 0
    }
}
