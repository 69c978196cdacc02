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
            tag = "\"\(SHA256Digest.hash(bytes).description.prefix(16))\""
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

    /// A browser asks each time whether it still has what is current: after an update, parts of two
    /// versions never meet.
    private static func reply(with file: File, to call: HTTPCall) -> HTTPReply {
        let headers: HTTPFields = [.eTag: file.tag, .cacheControl: "no-cache"]
        let known = call.headers[values: .ifNoneMatch].flatMap { $0.split(separator: ",") }
        if known.contains(where: { $0.filter { $0 != " " }.hasSuffix(file.tag) }) {
            return HTTPReply(.notModified, headers: headers)
        }
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
