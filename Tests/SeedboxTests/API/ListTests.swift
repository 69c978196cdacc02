import HTTPTypes
import Hashing
import JSONText
import Synchronization
import Testing

@testable import Seedbox

/// Answers made of the catalogue alone, however many torrents there are and however slowly they
/// are read.
@Suite struct ListTests {
    static func row(_ number: Int) -> TorrentRow {
        var bytes = [UInt8](repeating: 0, count: 20)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        let hash = SHA1Digest(bytes: bytes) ?? .zero
        var row = TorrentRow(
            id: TorrentID(Int64(number)), infoHash: InfoHash(v1: hash),
            name: "Torrent \(number) <script>alert(1)</script>", folder: "/srv/downloads",
            state: .seeding, added: 1_700_000_000)
        row.content = ContentShape(
            length: 1 << 30, fileCount: 3, pieceCount: 1_024, pieceLength: 1 << 20)
        (row.bytesWanted, row.bytesDone, row.uploaded) = (1 << 30, 1 << 30, 123_456_789)
        row.labels = ["linux", "iso"]
        row.tracker = "https://tracker.example/0123456789abcdef0123456789abcdef/announce?key=s3cr3t"
        return row
    }

    static func catalogue(of count: Int) -> Catalogue {
        let catalogue = Catalogue()
        for number in 1...count { catalogue.insert(row(number)) }
        return catalogue
    }

    private func whole(_ parts: some AsyncSequence<[UInt8], Never>) async -> [UInt8] {
        var bytes: [UInt8] = []
        for await part in parts { bytes += part }
        return bytes
    }

    private func list(_ catalogue: Catalogue, _ fields: String) throws -> TorrentList {
        TorrentList(of: catalogue, fields: try RowField.named(fields)) { out, revision in
            out.name("revision")
            out.integer(revision)
            out.name("torrents")
        }
    }

    @Test(arguments: [0, 1, 2, 5_000]) func aListHasEveryRowOnce(count: Int) async throws {
        let catalogue = count > 0 ? Self.catalogue(of: count) : Catalogue()
        let list = try list(catalogue, "id,name,ratio")
        let json = try JSON(parsing: await whole(list))
        let ids = json["torrents"]?.elements?.compactMap { $0["id"]?.integer }
        #expect(ids == (0..<count).map { Int64($0) + 1 })
        #expect(json["revision"]?.integer == Int64(catalogue.revision))
    }

    @Test func aListThatChangesMeanwhileIsStillOne() async throws {
        let catalogue = Self.catalogue(of: 3_000)
        var parts = try list(catalogue, "id,name").makeAsyncIterator()
        var bytes = await parts.next() ?? []
        catalogue.remove(Set((1...2_999).map { TorrentID(Int64($0)) }))
        while let part = await parts.next() { bytes += part }
        let ids = try JSON(parsing: bytes)["torrents"]?.elements?.compactMap { $0["id"]?.integer }
        #expect(ids?.last == 3_000)
        #expect(Set(ids ?? []).count == ids?.count)
        // None is left of those that were to come.
        let other = Self.catalogue(of: 3_000)
        parts = try list(other, "id,name").makeAsyncIterator()
        bytes = await parts.next() ?? []
        other.remove(Set((1...3_000).map { TorrentID(Int64($0)) }))
        while let part = await parts.next() { bytes += part }
        #expect(throws: Never.self) { try JSON(parsing: bytes) }
    }

    @Test func everyFieldIsAsItIsDescribed() async throws {
        let catalogue = Self.catalogue(of: 2)
        let json = try JSON(parsing: await whole(try list(catalogue, "")))
        for row in json["torrents"]?.elements ?? [] {
            #expect(row.members?.map(\.name) == RowField.all.map(\.name))
            #expect(RowField.schema.mismatch(of: row) == nil)
        }
        #expect(throws: HTTPFailure.self) { try RowField.named("id,nothing") }
    }

    /// A list that counts what has been made of it.
    private struct CountedList: AsyncSequence, Sendable {
        typealias Failure = Never

        let list: TorrentList
        let count: Counter

        final class Counter: Sendable { let bytes = Mutex(0) }

        func makeAsyncIterator() -> Parts { Parts(parts: list.makeAsyncIterator(), count: count) }

        struct Parts: AsyncIteratorProtocol {
            var parts: TorrentList.Parts
            let count: Counter

            mutating func next() async -> [UInt8]? {
                let part = await parts.next()
                count.bytes.withLock { $0 += part?.count ?? 0 }
                return part
            }
        }
    }

    @Test("R12 of full lists of 10,000 for 25 readers at once only what is read is made")
    func manyLists() async throws {
        let catalogue = Self.catalogue(of: 10_000)
        let fields = try RowField.named("id,infoHash,name,folder,tracker,labels")
        let count = CountedList.Counter()
        let route = Route(.get, "/list", .read, "All") { _ in
            let list = TorrentList(of: catalogue, fields: fields) { out, _ in
                out.name("torrents")
            }
            return HTTPReply(body: .stream(CountedList(list: list, count: count)))
        }
        try await withServer([route]) { server async throws in
            let request = Array(TestServer.text(.get, "/list").utf8)
            let size = try await server.request(.get, "/list").body.count
            #expect(size > 2 << 20)
            // They have asked, and read nothing yet.
            let readers = try await offLoop {
                try (0..<25).map { _ in
                    let socket = try RawSocket(port: server.port, receiveBytes: 4_096)
                    try socket.write(request)
                    return socket
                }
            }
            for _ in 0..<3 {
                #expect(try await server.request(.get, "/list").body.count == size)
            }
            let made = count.bytes.withLock(\.self) - 4 * size
            #expect(made < 25 * size / 2, "\(made >> 20) MiB for lists of \(size >> 20) MiB")
            for reader in readers {
                let answer = try await offLoop { try reader.readAnswer() }
                #expect(answer.body.count == size)
            }
        }
    }

    // MARK: Events

    private func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }

    @Test func eventsTellWhatChanged() async throws {
        let catalogue = Self.catalogue(of: 3)
        let known = catalogue.revision
        let events = ChangeEvents(
            catalogue: catalogue, fields: try RowField.named("id,name"), since: known)
        var reader = events.makeAsyncIterator()
        #expect(text(await reader.next()).hasPrefix("retry: "))
        catalogue.update(TorrentID(2)) { $0.name = "new" }
        catalogue.remove([TorrentID(3)])
        let event = text(await reader.next())
        #expect(event.hasPrefix("event: changes\nid: \(catalogue.revision)\ndata: {"))
        #expect(event.hasSuffix("}\n\n"))
        let data = event.split(separator: "\n")[2].dropFirst("data: ".count)
        let json = try JSON(parsing: String(data))
        #expect(json["changed"] == [["id": 2, "name": "new"]])
        #expect(json["removed"]?.elements?.compactMap { $0["id"]?.integer } == [3])
        // Who comes back with the number of that event is told the same.
        var again = events.makeAsyncIterator()
        _ = await again.next()
        #expect(text(await again.next()) == event)
    }

    @Test("R15 a slow reader is owed one event, however much has happened")
    func slowReader() async throws {
        let catalogue = Self.catalogue(of: 10)
        let events = ChangeEvents(
            catalogue: catalogue, fields: try RowField.named("id,uploaded"),
            since: catalogue.revision)
        var reader = events.makeAsyncIterator()
        _ = await reader.next()
        for round in 1...10_000 {
            catalogue.update(TorrentID(Int64(round % 10 + 1))) { $0.uploaded += 1 }
        }
        let event = text(await reader.next())
        #expect(event.hasPrefix("event: changes\n"))
        #expect(event.utf8.count < 1_000)
        #expect(event.contains("id: \(catalogue.revision)\n"))
    }

    @Test("R15 a reader that missed too much is told to take the list again")
    func resync() async throws {
        let catalogue = Self.catalogue(of: Limits.eventRowsMax + 1)
        let events = ChangeEvents(catalogue: catalogue, fields: RowField.all, since: 0)
        var reader = events.makeAsyncIterator()
        _ = await reader.next()
        let event = text(await reader.next())
        #expect(
            event == "event: resync\nid: \(catalogue.revision)\ndata: "
                + "{\"revision\":\(catalogue.revision)}\n\n")
    }

    @Test func aBeatComesWhenNothingHappens() async throws {
        let catalogue = Self.catalogue(of: 1)
        let events = ChangeEvents(
            catalogue: catalogue, fields: RowField.all, since: catalogue.revision,
            beat: .milliseconds(1))
        var reader = events.makeAsyncIterator()
        _ = await reader.next()
        #expect(text(await reader.next()) == ":\n\n")
    }

    // MARK: Secrets

    @Test(
        "R16 passkeys and passwords are no part of what is logged",
        arguments: [
            ("https://t.example/announce", "https://t.example/announce"),
            ("udp://t.example:80", "udp://t.example:80"),
            ("https://t.example/0123456789abcdef/announce", "https://t.example/(hidden)/announce"),
            ("https://t.example/a?passkey=1234", "https://t.example/a?(hidden)"),
            ("https://me:pw@t.example/announce", "https://t.example/announce"),
            ("cannot reach http://a/0123456789abcdef now", "cannot reach http://a/(hidden) now"),
            ("http://a/qwertyuiopasdfghjklzxcvbnm/x", "http://a/(hidden)/x"),
            ("nothing to hide", "nothing to hide"), ("://", "://"), ("", ""),
        ])
    func secretsAreHidden(text: String, shown: String) {
        #expect(redacted(text) == shown)
    }
}
