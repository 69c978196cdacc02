import JSONText
import Testing

@testable import Seedbox

@Suite struct RPCRequestTests {
    @Test(
        "a name comes to one form from either spelling",
        arguments: [
            ("download-dir", "download_dir"), ("downloadDir", "download_dir"),
            ("download_dir", "download_dir"), ("isUTP", "is_utp"), ("fileCount", "file_count"),
            ("file-count", "file_count"), ("seedRatioLimited", "seed_ratio_limited"),
            ("torrent-set-location", "torrent_set_location"), ("cache-size-mb", "cache_size_mib"),
            ("primary-mime-type", "primary_mime_type"), ("fromLtep", "from_ltep"),
            ("recently-active", "recently_active"), ("total_size", "total_size"),
        ])
    func comesToOneForm(name: String, plain: String) {
        #expect(Spelling.plain(name) == plain)
        #expect(Spelling.plain(plain) == plain)
    }

    @Test func oldDialectEchoesItsTag() throws {
        let request = try read(
            #"{"method":"torrent-get","arguments":{"ids":[1]},"tag":7}"#)
        #expect(request.method == "torrent_get")
        #expect(request.spelling.name("downloadDir") == "downloadDir")
        let (prefix, suffix) = request.dialect.success
        let text = String(decoding: prefix + Array("{}".utf8) + suffix, as: UTF8.self)
        #expect(text == #"{"arguments":{},"result":"success","tag":7}"#)
    }

    @Test func oldDialectHasNoTagWhereNoneWasGiven() throws {
        let request = try read(#"{"method":"session-get"}"#)
        let failure = request.dialect.failure(RPCFailure(.methodNotFound, "what?"))
        #expect(
            String(decoding: failure, as: UTF8.self) == #"{"arguments":{},"result":"what?"}"#)
        #expect(!request.isNotification)
    }

    @Test func jsonRPCAnswersWithTheID() throws {
        let request = try read(
            #"{"jsonrpc":"2.0","method":"torrent_get","params":{},"id":"a"}"#)
        #expect(request.spelling.name("downloadDir") == "download_dir")
        let (prefix, suffix) = request.dialect.success
        let text = String(decoding: prefix + Array("{}".utf8) + suffix, as: UTF8.self)
        #expect(text == #"{"jsonrpc":"2.0","result":{},"id":"a"}"#)
        let failure = try JSON(
            parsing: request.dialect.failure(RPCFailure(.fileOutOfRange, "no file 9")))
        #expect(failure["error"]?["code"]?.integer == 6)
        #expect(failure["error"]?["data"]?["error_string"]?.string == "no file 9")
        #expect(failure["id"] == "a")
    }

    @Test func jsonRPCWithoutAnIDIsNotAnswered() throws {
        #expect(try read(#"{"jsonrpc":"2.0","method":"torrent_start"}"#).isNotification)
        #expect(
            try !read(#"{"jsonrpc":"2.0","method":"torrent_start","id":null}"#).isNotification)
    }

    @Test(
        "R6 what is no request is refused and not guessed at",
        arguments: [
            "[]", "7", #"{"method":3}"#, "{}", #"{"method":"torrent-get","arguments":[1]}"#,
            #"{"jsonrpc":"1.0","method":"torrent_get","id":1}"#,
            #"{"jsonrpc":2,"method":"torrent_get","id":1}"#,
            #"{"jsonrpc":"2.0","method":"torrent_get","id":{}}"#,
        ])
    func refuses(text: String) {
        #expect(throws: RPCRequest.Malformed.self) { try read(text) }
    }

    private func read(_ text: String) throws -> RPCRequest {
        try RPCRequest(try JSON(parsing: Array(text.utf8)))
    }
}

@Suite struct RPCArgumentsTests {
    @Test(
        "all torrents are meant by no ids",
        arguments: ["{}", #"{"ids":[]}"#, #"{"ids":null}"#])
    func meansAll(text: String) throws {
        #expect(try arguments(text).torrents() == .all)
    }

    @Test func noneAreRemovedByAListOfNone() throws {
        #expect(try arguments(#"{"ids":[]}"#).torrents(emptyIsAll: false) == .some([]))
        #expect(try arguments("{}").torrents(emptyIsAll: false) == .all)
    }

    @Test func torrentsAreNamedByNumberAndByHash() throws {
        let hash = String(repeating: "aB", count: 20)
        #expect(
            try arguments(#"{"ids":[3,"\#(hash)"]}"#).torrents()
                == .some([.id(TorrentID(3)), .infoHash(hash.lowercased())]))
        #expect(try arguments(#"{"ids":3}"#).torrents() == .some([.id(TorrentID(3))]))
        #expect(try arguments(#"{"ids":3.0}"#).torrents() == .some([.id(TorrentID(3))]))
        for word in [#""recently-active""#, #""recently_active""#, #"["recently-active"]"#] {
            #expect(try arguments(#"{"ids":\#(word)}"#).torrents() == .recentlyActive)
        }
    }

    @Test(
        "R7 ids that cannot be any are refused",
        arguments: [
            "[-1]", "-1", "[1.5]", "[9223372036854775808]", "[1e300]", "[true]", "[[1]]",
            #"["all"]"#, #""""#, #"["zz"]"#, "{}",
        ])
    func refusesIDs(text: String) throws {
        let arguments = try arguments(#"{"ids":\#(text)}"#)
        #expect(throws: RPCFailure.self) { try arguments.torrents() }
    }

    @Test("R7 more ids than any session has torrents are refused")
    func refusesTooManyIDs() throws {
        let most = JSON.array(Array(repeating: 1, count: Limits.rpcIDsMax))
        #expect(throws: Never.self) { try RPCArguments(.object([("ids", most)])).torrents() }
        let more = JSON.array(Array(repeating: 1, count: Limits.rpcIDsMax + 1))
        #expect(throws: RPCFailure.self) {
            try RPCArguments(.object([("ids", more)])).torrents()
        }
    }

    @Test(
        "R7 a file that is not there is refused, and what is no number",
        arguments: ["[3]", "[-1]", "[0,9223372036854775807]", "[1.5]", #"["0"]"#, "0", "{}"])
    func refusesFiles(text: String) throws {
        for name in ["files-wanted", "files_unwanted", "priority-high"] {
            let arguments = try arguments(#"{"\#(name)":\#(text)}"#)
            #expect(throws: RPCFailure.self) { try arguments.fileChoice(of: 3) }
        }
    }

    @Test func anEmptyListOfFilesIsAll() throws {
        let choice = try arguments(#"{"files-unwanted":[],"priority-low":[1]}"#)
            .fileChoice(of: 3)
        #expect(choice.wanted == [0: false, 1: false, 2: false])
        #expect(choice.priorities == [1: .low])
    }

    @Test(
        "R7 numbers beyond what can be held are refused",
        arguments: ["1e300", "-1", "-0.5", #""5""#, "[]"])
    func refusesRates(text: String) throws {
        let arguments = try arguments(#"{"downloadLimit":\#(text)}"#)
        #expect(throws: RPCFailure.self) { try arguments.rate("download_limit") }
    }

    @Test func ratesAreThousandsOfBytes() throws {
        #expect(try arguments(#"{"downloadLimit":50}"#).rate("download_limit") == 50_000)
        #expect(try arguments("{}").rate("download_limit") == nil)
    }

    @Test func pathsAreAbsolute() throws {
        #expect(try arguments(#"{"download-dir":"/a"}"#).path("download_dir") == "/a")
        #expect(throws: RPCFailure(.pathNotAbsolute, "download_dir: 'a/b' is not absolute")) {
            try arguments(#"{"download-dir":"a/b"}"#).path("download_dir")
        }
    }

    @Test func trackersAreListedByTier() {
        let list = "http://a/announce\n  http://b/announce \r\n\n\nudp://c:1\n"
        #expect(
            TrackerView.tiers(in: list) == [
                ["http://a/announce", "http://b/announce"], ["udp://c:1"],
            ])
        #expect(TrackerView.tiers(in: "") == [])
    }

    private func arguments(_ text: String) throws -> RPCArguments {
        RPCArguments(try JSON(parsing: Array(text.utf8)))
    }
}
