import ArgumentParser
import Foundation
import Glibc
import JSONText
import Metainfo
import Terminal
import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct DaemonOptionsTests {
    private static func client(
        _ words: [String], _ environment: [String: String]
    ) throws -> APIClient {
        let options = try RemoteOptions.parse(words)
        return try options.server.client(options.common.places, environment: environment)
    }

    @Test func theDaemonIsWhereItIsSaidToBe() throws {
        let folder = try TemporaryFolder()
        let environment = ["HOME": folder.path("home"), "XDG_RUNTIME_DIR": folder.path("run")]
        let client = { (words: String...) in
            try Self.client(words, environment)
        }
        #expect(try client("--api", "[::1]:7").place == .host(HostPort(host: "::1", port: 7)))
        #expect(try client("--api-socket", "s").place == .socket("s"))
        #expect(try client().place.description == "127.0.0.1:9091")
        #expect(try client().credential == nil)
        #expect(try client("--api", "h:1", "--api-socket", "s").place == .socket("s"))
        // Who names one on the command line does not mean the other one of the environment.
        let added = EnvironmentArguments.added(
            to: ["list", "--api", "h:1"],
            options: EnvironmentArguments.options(of: List.self),
            environment: ["SWARM_API_SOCKET": "/s", "SWARM_TOKEN_FILE": "/t"])
        #expect(added == ["--token-file=/t"])
        let config = "home/.config/swarm/config.toml"
        try folder.file(config, "[api]\nlisten = \"0.0.0.0:7000\"\npassword = \"secret\"\n")
        #expect(try client().place.description == "127.0.0.1:7000")
        try folder.file(config, "[api]\nbase-path = \"/box\"\n")
        #expect(try client().basePath == "/box")
        #expect(try client("--api", "h:1").basePath == "")
        let behind = try client("--api", "h:1/a/b/")
        #expect(
            String(decoding: behind.request("GET", "/session", nil), as: UTF8.self)
                .hasPrefix("GET /a/b/api/v1/session HTTP/1.1\r\nHost: h:1\r\n"))
        #expect(throws: (any Error).self) { try client("--api", "h:1/a b") }
        try folder.file(config, "")
        try FileManager.default.createDirectory(
            atPath: folder.path("run/swarm"), withIntermediateDirectories: true)
        let path = folder.path("run/swarm/api.sock")
        // Only what is a socket is one.
        try folder.file("run/swarm/api.sock", Data())
        #expect(try client().place.description == "127.0.0.1:9091")
        try FileManager.default.removeItem(atPath: path)
        let stub = try StubDaemon(at: path) { _ in (200, "{}") }
        #expect(try client().place == .socket(path))
        withExtendedLifetime(stub) {}
        // What a daemon that was killed leaves behind leads nowhere.
        try FileManager.default.removeItem(atPath: path)
        try leaveSocket(at: path)
        #expect(try client().place.description == "127.0.0.1:9091")
        try folder.file(config, "[api]\nlisten = \"none\"\n")
        #expect(try client().place == .socket(path))
    }

    @Test func aDaemonThatWasKilledIsNotTakenForAnotherOne() throws {
        let folder = try TemporaryFolder()
        let environment = ["HOME": folder.path("home"), "XDG_RUNTIME_DIR": folder.path("run")]
        for name in ["run/swarm", "home/.local/state/swarm"] {
            try FileManager.default.createDirectory(
                atPath: folder.path(name), withIntermediateDirectories: true)
        }
        let path = folder.path("home/.local/state/swarm/api.sock")
        let other = try StubDaemon(at: path) { _ in (200, "{}") }
        #expect(try Self.client([], environment).place == .socket(path))
        try leaveSocket(at: folder.path("run/swarm/api.sock"))
        #expect(try Self.client([], environment).place.description == "127.0.0.1:9091")
        let config = "home/.config/swarm/config.toml"
        for listen in ["none", "127.0.0.1:0"] {
            try folder.file(config, "[api]\nlisten = \"\(listen)\"\n")
            let place = try Self.client([], environment).place
            #expect(place == .socket(folder.path("run/swarm/api.sock")))
        }
        withExtendedLifetime(other) {}
    }

    @Test func theFileThatIsNamedSaysWhereItsDaemonIs() throws {
        let folder = try TemporaryFolder()
        let environment = ["HOME": folder.path("home"), "XDG_RUNTIME_DIR": folder.path("run")]
        let place = { (words: String...) in try Self.client(words, environment).place }
        try FileManager.default.createDirectory(
            atPath: folder.path("run/swarm"), withIntermediateDirectories: true)
        let usual = try StubDaemon(at: folder.path("run/swarm/api.sock")) { _ in (200, "{}") }
        let own = try StubDaemon(at: folder.path("own")) { _ in (200, "{}") }
        let file = try folder.file(
            "a.toml", Data("[api]\nlisten = \"127.0.0.1:7000\"\n".utf8)
        ).path
        #expect(try place() == .socket(folder.path("run/swarm/api.sock")))
        // What listens where any daemon would may be another one.
        #expect(try place("--config", file).description == "127.0.0.1:7000")
        try folder.file("a.toml", "[api]\nsocket = \"\(folder.path("own"))\"\n")
        #expect(try place("--config", file) == .socket(folder.path("own")))
        try folder.file("a.toml", "[limits]\nup = \"1M\"\n")
        #expect(try place("--config", file) == .socket(folder.path("run/swarm/api.sock")))
        try folder.file(
            "home/.config/swarm/config.toml", "[api]\nsocket = \"\(folder.path("own"))\"\n")
        #expect(try place() == .socket(folder.path("own")))
        #expect(try place("--no-config") == .socket(folder.path("run/swarm/api.sock")))
        withExtendedLifetime((usual, own)) {}
    }

    @Test func aMistakeInTheFileIsToldInsteadOfLookingElsewhere() throws {
        let folder = try TemporaryFolder()
        let environment = ["HOME": folder.path("home")]
        try folder.file("home/.config/swarm/config.toml", "[limits]\noops = 1\n")
        let failure = #expect(throws: Failure.self) { try Self.client([], environment) }
        #expect(failure?.status == .badConfiguration)
        #expect(failure?.message.contains("config.toml:2:1: unknown key") == true)
        let missing = #expect(throws: Failure.self) {
            try Self.client(["--config", "/none.toml"], environment)
        }
        #expect(missing?.status == .badConfiguration)
        #expect(try Self.client(["--no-config"], environment).basePath.isEmpty)
        // Who says where it is need not have it read.
        #expect(try Self.client(["--api", "h:1"], environment).place.description == "h:1")
        // What only a daemon has to know is not missed.
        #expect(try Self.client([], [:]).place.description == "127.0.0.1:9091")
    }

    @Test func tokensAndPasswordsAreShown() throws {
        let folder = try TemporaryFolder()
        let token = try folder.file("token", Data("s3cret-token\r\nmore\n".utf8)).path
        let client = try Self.client(
            ["--token-file", token], ["SWARM_PASSWORD": "unused", "HOME": "/h"])
        #expect(client.credential == .token("s3cret-token"))
        let text = String(decoding: client.request("GET", "/torrents", nil), as: UTF8.self)
        #expect(text.contains("\r\nAuthorization: Bearer s3cret-token\r\n"))
        #expect(text.hasPrefix("GET /api/v1/torrents HTTP/1.1\r\nHost: 127.0.0.1:9091\r\n"))
        let other = try Self.client([], ["SWARM_PASSWORD": "pass", "HOME": "/h"])
        #expect(other.credential?.header == "Basic c3dhcm06cGFzcw==")
        for content in ["", "\n", "a b", "a\u{7}", String(repeating: "x", count: 5_000)] {
            let file = try folder.file("bad", Data(content.utf8)).path
            #expect(throws: (any Error).self) {
                try Self.client(["--token-file", file], ["HOME": "/h"])
            }
        }
    }

    @Test func bodiesAreJSONForTheDaemonAlone() throws {
        let client = APIClient(place: .socket("/s"), credential: nil)
        let text = String(
            decoding: client.request("POST", "/torrents", ["a": 1]), as: UTF8.self)
        #expect(text.contains("\r\nHost: localhost\r\n"))
        #expect(text.contains("\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"))
        #expect(text.hasSuffix("\r\n\r\n{\"a\":1}"))
    }
}

/// Makes a socket at which nobody listens.
func leaveSocket(at path: String) throws {
    close(try boundSocket(SOCK_STREAM, at: path))
}

/// A Unix socket that lies there. Who has it closes it.
func boundSocket(_ kind: __socket_type, at path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(kind.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let code = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    try #require(code == 0, "no socket at \(path)")
    return descriptor
}

@Suite(.ownThreads) struct DaemonCommandOptionsTests {
    @Test func limitsOfTorrentsAndOfTheSessionAreSpelledAsTheDaemonSpellsThem() throws {
        let one = try Limit.parse([
            "1", "--down", "5M", "--up", "none", "--ratio", "1.5", "--seed-time", "2h", "--idle",
            "inherited", "--then", "remove-with-data", "--peers", "9", "--group", "none",
        ])
        #expect(
            JSON.object(one.limits.torrentChanges).text
                == #"{"downloadLimit":5242880,"uploadLimit":null,"peersMax":9,"group":null,"#
                + #""seedingLimits":{"ratio":1.5,"seedTime":7200,"idle":"inherited","#
                + #""action":"remove-with-data"}}"#)
        let all = try Limit.parse([
            "--down", "5M", "--alternative-up", "none", "--alternative", "off", "--ratio", "none",
            "--then", "pause",
        ])
        #expect(
            JSON.object(all.limits.sessionChanges).text
                == #"{"limits":{"down":5242880,"alternative-up":null,"alternative":false},"#
                + #""seeding":{"ratio":"none","action":"pause"}}"#)
        for words in [
            ["--peers", "9"], ["--group", "x"], ["1", "--alternative", "on"],
            ["1", "--alternative-down", "1M"], ["--ratio", "-1"], ["--alternative", "maybe"],
            ["1", "--peers", "0"], ["1", "--then", "explode"],
        ] {
            #expect(throws: (any Error).self, "\(words)") { try Limit.parse(words) }
        }
    }

    @Test func labelsAreGivenAndTakenAway() throws {
        let words = Label.spelledOut(["label", "3-7", "+film", "-new", "-q", "-vv", "--json"])
        #expect(words == ["label", "3-7", "+film", "--remove=new", "-q", "-vv", "--json"])
        #expect(Label.spelledOut(["label", "--", "-x"]) == ["label", "--", "-x"])
        let label = try Label.parse(Array(words.dropFirst()))
        #expect(label.labels(after: ["new", "old"]) == ["old", "film"])
        #expect(label.labels(after: ["film"]) == ["film"])
        #expect(try Label.parse(["1", "+a", "--clear"]).labels(after: ["b"]) == ["a"])
        #expect(throws: (any Error).self) { try Label.parse(["+x"]) }
        #expect(throws: (any Error).self) { try Label.parse(["1", "+"]) }
    }

    @Test func sourcesAreToldAsTheyAreNamed() throws {
        let hash = String(repeating: "ab", count: 20)
        let options = try AddOptions.parse([
            "--paused", "--category", "c", "--label", "a", "--label", "b", "--sequential",
            "--top", "--files", "2-3",
        ])
        let body = try options.body(of: Source(hash), folder: "/d")
        #expect(
            body.text
                == #"{"link":"magnet:?xt=urn:btih:\#(hash)","wantedFiles":[1,2],"#
                + #""startsPaused":true,"folder":"/d","category":"c","labels":["a","b"],"#
                + #""isSequential":true,"goesToTopOfQueue":true}"#)
        let plain = try AddOptions.parse([])
        let url = try plain.body(of: Source("http://h/t.torrent"), folder: nil)
        #expect(url.text == #"{"url":"http://h/t.torrent"}"#)
        #expect(throws: (any Error).self) {
            try plain.body(of: Source("magnet:?nothing"), folder: nil)
        }
        let matching = try AddOptions.parse(["--match", "*.mkv"])
        #expect(throws: (any Error).self) { try matching.body(of: Source(hash), folder: nil) }
        #expect(throws: (any Error).self) {
            try AddOptions.parse(["--files", "1-4000000000"]).body(of: Source(hash), folder: nil)
        }
    }

    @Test func aTorrentIsSentWholeWithTheFilesThatAreChosen() throws {
        let folder = try TemporaryFolder()
        let manifest = try Content.film.manifest()
        let bytes = manifest.encoded()
        let path = try folder.file("Film.torrent", Data(bytes)).path
        let body = try AddOptions.parse(["--match", "*.bin", "--files", "4"])
            .body(of: Source(path), folder: nil)
        #expect(body["manifest"]?.string == Data(bytes).base64EncodedString())
        #expect(body["wantedFiles"]?.elements?.compactMap(\.integer) == [1, 3])
        #expect(throws: (any Error).self) {
            try AddOptions.parse(["--files", "9"]).body(of: Source(path), folder: nil)
        }
    }
}
