import NIOCore
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

@Suite struct TorrentMachineTests {
    static func request(_ piece: Int, _ begin: UInt32, _ length: UInt32 = 16_384) -> BlockRequest {
        BlockRequest(piece: PieceIndex(piece), begin: begin, length: length)
    }

    // MARK: Greeting

    @Test(arguments: [
        ([], PeerMessage.haveNone), ([0, 1], .haveAll), ([1], .bitfield(bitfield([1], of: 2))),
    ])
    func saysWhatItHasInTheShortestWay(have: [Int], expected: PeerMessage) throws {
        var torrent = try TorrentFixture(pieces: 2, have: have)
        let id = try #require(PeerID(bytes: Array("-XX0000-abcdefghijkl".utf8)))
        let connection = PeerConnection(
            endpoint: Endpoint(ipv4: 0x1401_0001, port: 1), isIncoming: true, peerID: id,
            supportsFast: true, supportsExtensions: false, supportsV2: false)
        let actions = torrent.feed(.connected(connection, connectionID: 9))
        #expect(actions.sent.map(\.1) == [expected])
    }

    static func bitfield(_ pieces: [Int], of count: Int) -> Bitfield {
        var bitfield = Bitfield(count: count)
        for piece in pieces { bitfield.insert(PieceIndex(piece)) }
        return bitfield
    }

    @Test("W2 a connection to ourselves and a second one to the same peer are refused")
    func w2RefusesOurselvesAndDuplicates() throws {
        var torrent = try TorrentFixture(pieces: 1)
        func connection(_ id: String, port: UInt16) throws -> PeerConnection {
            PeerConnection(
                endpoint: Endpoint(ipv4: 0x1401_0001, port: port), isIncoming: true,
                peerID: try #require(PeerID(bytes: Array(id.utf8))), supportsFast: true,
                supportsExtensions: true, supportsV2: false)
        }
        let own = torrent.feed(
            .connected(try connection("-SW0100-ourownpeerid", port: 1), connectionID: 1))
        guard case .refuse(1, .ourselves)? = own.first else {
            Issue.record("\(own)")
            return
        }
        _ = torrent.feed(
            .connected(try connection("-XX0000-abcdefghijkl", port: 2), connectionID: 2))
        let second = torrent.feed(
            .connected(try connection("-XX0000-abcdefghijkl", port: 3), connectionID: 3))
        guard case .refuse(3, .duplicate)? = second.first else {
            Issue.record("\(second)")
            return
        }
        #expect(torrent.machine.peerCount == 1)
    }

    @Test("W2 who comes with the id of another peer from elsewhere does not displace it")
    func w2KeepsAPeerWhoseIDAnotherUses() throws {
        func connection(_ address: UInt32, isIncoming: Bool) throws -> PeerConnection {
            PeerConnection(
                endpoint: Endpoint(ipv4: address, port: 7_000), isIncoming: isIncoming,
                // Higher than our own, so that what it dials is preferred.
                peerID: try #require(PeerID(bytes: Array("-ZZ0000-abcdefghijkl".utf8))),
                supportsFast: true, supportsExtensions: true, supportsV2: false)
        }
        for (delay, address, isKept) in [
            (Interval.seconds(1), UInt32(0x1501_0001), false),
            (.seconds(11), 0x1501_0001, true), (.seconds(11), 0x1401_0001, false),
        ] {
            var torrent = try TorrentFixture(pieces: 1)
            let known = try connection(0x1401_0001, isIncoming: false)
            _ = torrent.feed(.connected(known, connectionID: 1))
            let second = try connection(address, isIncoming: true)
            let actions = torrent.feed(.connected(second, connectionID: 2), after: delay)
            let wasRefused = actions.contains {
                if case .refuse(2, .duplicate) = $0 { true } else { false }
            }
            #expect(wasRefused == isKept)
            #expect(torrent.machine.peerCount == 1)
        }
    }

    @Test("W2 an endpoint that turned out to be ourselves is not dialled again")
    func w2ForgetsOurOwnEndpoint() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let own = Endpoint(ipv4: 0x1401_0001, port: 6881)
        func dials(_ actions: [TorrentAction]) -> Bool {
            actions.contains { if case .dial(own) = $0 { true } else { false } }
        }
        #expect(dials(torrent.feed(.peersFound([own], .tracker))))
        _ = torrent.feed(.dialFailed(own, .protocolError(.connectedToSelf)))
        #expect(!dials(torrent.feed(.peersFound([own], .tracker), after: .minutes(60))))
        #expect(!dials(torrent.feed(.tick, after: .minutes(60))))
    }

    // MARK: Asking

    @Test func isInterestedInAPeerThatHasWhatItLacksAndAsksOnceUnchoked() throws {
        var torrent = try TorrentFixture(pieces: 2, have: [0])
        let key = try torrent.connect()
        var actions = torrent.receive(.haveAll, from: key)
        #expect(actions.sent(to: key) == [.interested])
        actions = torrent.receive(.unchoke, from: key)
        #expect(actions.requests.map(\.piece.rawValue) == [1, 1, 1, 1])
    }

    @Test func losesInterestWhenThePeerHasNothingMore() throws {
        var torrent = try TorrentFixture(pieces: 2)
        let key = try torrent.connect()
        _ = torrent.receive(.haveNone, .have(PieceIndex(1)), .unchoke, from: key)
        _ = torrent.feed(.pieceChecked(PieceIndex(1), .verified))
        let actions = torrent.receive(.have(PieceIndex(1)), from: key)
        #expect(actions.sent(to: key).isEmpty)
        #expect(torrent.machine.have.contains(PieceIndex(1)))
    }

    @Test func givesAPieceToTheDiskWhenItsLastBlockCame() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connect()
        let requests = torrent.receive(.haveAll, .unchoke, from: key).requests
        #expect(requests.count == 4)
        var actions: [TorrentAction] = []
        for request in requests {
            actions += torrent.receive(TorrentFixture.block(request), from: key)
        }
        #expect(actions.writes == 4)
        guard
            case .finish(PieceIndex(0))? = actions.last(where: {
                if case .finish = $0 { true } else { false }
            })
        else {
            Issue.record("the piece was not finished")
            return
        }
        let done = torrent.feed(.pieceChecked(PieceIndex(0), .verified))
        #expect(done.contains { if case .completed = $0 { true } else { false } })
        #expect(done.contains { if case .finished = $0 { true } else { false } })
        #expect(torrent.machine.isFinished)
    }

    @Test func tellsPeersThatLackAPieceThatItHasIt() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let seed = try torrent.connectSeed()
        let other = try torrent.connect()
        _ = torrent.receive(.haveNone, from: other)
        let done = torrent.feed(.pieceChecked(PieceIndex(0), .verified))
        #expect(done.sent(to: other).contains(.have(PieceIndex(0))))
        #expect(!done.sent(to: seed).contains(.have(PieceIndex(0))))
    }

    @Test("W8 blocks that were never asked for are not written, and too many end the connection")
    func w8IgnoresUnaskedBlocks() throws {
        var torrent = try TorrentFixture(pieces: 4)
        let key = try torrent.connect()
        _ = torrent.receive(.haveAll, from: key)
        var closed: CloseReason?
        for turn in 0..<300 where closed == nil {
            let request = Self.request(turn % 4, UInt32(turn / 4 % 4) * 16_384)
            let actions = torrent.receive(TorrentFixture.block(request), from: key)
            #expect(actions.writes == 0)
            closed = actions.closes(key)
        }
        #expect(closed == .misbehaved(.unsolicitedBlocks))
        #expect(torrent.machine.peerCount == 0)
    }

    @Test("W8 a block of the wrong length is not written")
    func w8IgnoresBlocksOfTheWrongLength() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connect()
        _ = torrent.receive(.haveAll, .unchoke, from: key)
        let short = ByteBuffer(repeating: 7, count: 100)
        let actions = torrent.receive(.piece(PieceIndex(0), begin: 0, short), from: key)
        #expect(actions.writes == 0)
        #expect(torrent.machine.counters.unsolicitedBlocks == 1)
    }

    @Test("W13 what a silent peer owes is asked of others within 60 s")
    func w13AsksOthersForWhatASnubbedPeerOwes() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let silent = try torrent.connectSeed()
        let good = try torrent.connect()
        // Everything is asked of the silent one already; only endgame is left for the other.
        _ = torrent.receive(.haveNone, from: good)
        _ = torrent.feed(.tick, after: .seconds(31))
        #expect(torrent.machine.counters.snubs == 1)
        let actions = torrent.receive(.have(PieceIndex(0)), .unchoke, from: good)
        #expect(actions.sent(to: good).count { if case .request = $0 { true } else { false } } == 4)
        _ = silent
    }

    @Test("W20 what a peer owed is asked of others when it goes")
    func w20FreesTheBlocksOfALostPeer() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let lost = try torrent.connectSeed()
        let other = try torrent.connect()
        _ = torrent.receive(.haveAll, from: other)
        _ = torrent.feed(.disconnected(lost, .closedByPeer))
        #expect(torrent.machine.peerCount == 1)
        let actions = torrent.receive(.unchoke, from: other)
        #expect(Set(actions.requests.map(\.begin)).count == 4)
    }

    @Test func aChokeWithoutTheFastExtensionTakesBackAllRequests() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connectSeed(supportsFast: false)
        _ = torrent.receive(.choke, from: key)
        let actions = torrent.receive(.unchoke, from: key)
        #expect(actions.requests.count == 4)
    }

    @Test("W13 a peer that forgot our requests while it choked us is asked again once it serves")
    func w13GivesASnubbedPeerThatUnchokesAnotherChance() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connectSeed()
        // With BEP 6 a choke rejects nothing by itself, and this peer sends no rejects.
        _ = torrent.receive(.choke, from: key)
        _ = torrent.feed(.tick, after: .seconds(31))
        #expect(torrent.machine.counters.snubs == 1)
        let actions = torrent.receive(.unchoke, from: key)
        #expect(Set(actions.requests.map(\.begin)).count == 4)
        _ = torrent.feed(.tick, after: .seconds(31))
        #expect(torrent.machine.counters.snubs == 2)
    }

    @Test func aRejectedBlockIsAskedOfAnother() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connectSeed()
        let other = try torrent.connect()
        _ = torrent.receive(.haveAll, from: other)
        let rejected = torrent.receive(.reject(Self.request(0, 16_384)), from: key)
        #expect(torrent.machine.counters.rejectsReceived == 1)
        #expect(rejected.requests.isEmpty)
        let actions = torrent.receive(.unchoke, from: other)
        #expect(actions.sent(to: other).first == .request(Self.request(0, 16_384)))
    }

    @Test func downloadLimitHoldsRequestsBack() throws {
        var torrent = try TorrentFixture(pieces: 64) {
            $0.downloadLimit = ByteRate(bytesPerSecond: 16_384)
        }
        let key = try torrent.connect()
        let first = torrent.receive(.haveAll, .unchoke, from: key).requests.count
        #expect(first <= 4)
        let deadline = try #require(torrent.machine.nextDeadline())
        #expect(deadline.0 <= torrent.now + .seconds(2))
        #expect(torrent.machine.counters.limitedRequests > 0 || first == 4)
    }

    @Test func asksForNothingWhileTheDiskIsCongested() throws {
        var torrent = try TorrentFixture(pieces: 2)
        _ = torrent.feed(.diskCongested(true))
        let key = try torrent.connect()
        check(torrent.receive(.haveAll, .unchoke, from: key).requests.isEmpty)
        check(torrent.feed(.diskCongested(false)).requests.count == 8)
    }

    @Test func aFullDiskStopsAskingAndIsTriedAgain() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connectSeed()
        _ = torrent.feed(.diskFaulted)
        for request in [0, 1, 2, 3].map({ Self.request(0, $0 * 16_384) }) {
            _ = torrent.receive(TorrentFixture.block(request), from: key)
        }
        check(torrent.feed(.pieceChecked(PieceIndex(0), .failed)).requests.isEmpty)
        #expect(!torrent.machine.hasFailed)
        let probe = torrent.feed(.tick, after: .seconds(31))
        #expect(probe.contains { if case .probeDisk = $0 { true } else { false } })
        check(torrent.feed(.diskProbed(works: false)).requests.isEmpty)
        #expect(torrent.machine.isDiskFaulted)
        check(torrent.feed(.diskProbed(works: true)).requests.count == 4)
        #expect(!torrent.machine.isDiskFaulted)
    }

    @Test func aHybridTorrentWhoseHashesContradictEachOtherStops() throws {
        var torrent = try TorrentFixture(pieces: 1)
        let key = try torrent.connectSeed()
        let actions = torrent.feed(.pieceChecked(PieceIndex(0), .inconsistent))
        #expect(actions.closes(key) == .shutdown)
        #expect(torrent.machine.hasFailed)
        #expect(torrent.machine.nextDeadline() == nil)
    }

    // MARK: Serving

    private func seeding(
        _ configure: (inout TorrentMachine.Configuration) -> Void = { _ in }
    ) throws -> (TorrentFixture, PeerKey) {
        var torrent = try TorrentFixture(pieces: 2, have: [0], configure)
        let key = try torrent.connect()
        let actions = torrent.receive(.haveNone, .interested, from: key)
        #expect(actions.sent(to: key).contains(.unchoke))
        return (torrent, key)
    }

    @Test func servesAnInterestedPeerAtOnceWhenSlotsAreFree() throws {
        var (torrent, key) = try seeding()
        let actions = torrent.receive(.request(Self.request(0, 0)), from: key)
        #expect(actions.served == [Self.request(0, 0)])
        _ = torrent.feed(.served(key, bytes: 16_384))
        #expect(torrent.machine.uploaded == 16_384)
    }

    @Test(
        "W6 requests outside the piece end the connection",
        arguments: [
            request(2, 0), request(0, 65_536), request(0, 60_000), request(0, .max),
            request(0, 0, 0), request(0, 0, .max), request(0, 0, 128 * 1024 + 1),
        ])
    func w6ClosesOnRequestsOutOfRange(request: BlockRequest) throws {
        var (torrent, key) = try seeding()
        let actions = torrent.receive(.request(request), from: key)
        #expect(actions.served.isEmpty)
        #expect(actions.closes(key) == .misbehaved(.requestOutOfRange(request)))
        #expect(torrent.machine.peerCount == 0)
    }

    @Test("W6 a request for a piece that we lack is rejected")
    func w6RejectsRequestsForMissingPieces() throws {
        var (torrent, key) = try seeding()
        let actions = torrent.receive(.request(Self.request(1, 0)), from: key)
        #expect(actions.rejected == [Self.request(1, 0)])
        #expect(torrent.machine.peerCount == 1)
    }

    @Test("W7 requests of a choked peer are rejected, and of an unchoked one queued up to 2,000")
    func w7BoundsTheUploadQueue() throws {
        var (torrent, key) = try seeding()
        var rejected = 0
        for _ in 0..<5_000 {
            rejected += torrent.receive(.request(Self.request(0, 0)), from: key).rejected.count
        }
        let inFlight = 256 * 1024 / 16_384
        #expect(rejected == 5_000 - 2_000 - inFlight)
    }

    @Test("W14 only so much is read for a peer that does not take it")
    func w14BoundsWhatIsInFlight() throws {
        var (torrent, key) = try seeding()
        var served = 0
        for _ in 0..<1_000 {
            served += torrent.receive(.request(Self.request(0, 0)), from: key).served.count
        }
        #expect(served == 16)
        let next = torrent.feed(.served(key, bytes: 16_384))
        #expect(next.served.count == 1)
    }

    @Test func aCancelledRequestIsAnsweredByARejectAndNotServed() throws {
        var (torrent, key) = try seeding()
        for _ in 0..<17 { _ = torrent.receive(.request(Self.request(0, 0)), from: key) }
        _ = torrent.receive(.request(Self.request(0, 16_384)), from: key)
        let actions = torrent.receive(.cancel(Self.request(0, 16_384)), from: key)
        #expect(actions.rejected == [Self.request(0, 16_384)])
    }

    @Test func aBlockThatCannotBeReadIsRejectedAndItsPieceTakenBack() throws {
        var (torrent, key) = try seeding()
        _ = torrent.receive(.request(Self.request(0, 0)), from: key)
        let actions = torrent.feed(.serveFailed(key, Self.request(0, 0)))
        #expect(actions.rejected == [Self.request(0, 0)])
        #expect(actions.sent(to: key).contains(.dontHave(PieceIndex(0))))
        #expect(!torrent.machine.have.contains(PieceIndex(0)))
    }

    @Test func uploadLimitServesInTurns() throws {
        var (torrent, key) = try seeding { $0.uploadLimit = ByteRate(bytesPerSecond: 65_536) }
        let other = try torrent.connect()
        _ = torrent.receive(.haveNone, .interested, from: other)
        _ = torrent.feed(.tick, after: .seconds(10))
        var served: [PeerKey: Int] = [:]
        func count(_ actions: [TorrentAction]) {
            for case .serve(let key, _) in actions { served[key, default: 0] += 1 }
        }
        for _ in 0..<12 {
            count(torrent.receive(.request(Self.request(0, 0)), from: key))
            count(torrent.receive(.request(Self.request(0, 0)), from: other))
        }
        for _ in 0..<3 { count(torrent.feed(.tick, after: .seconds(1))) }
        let (a, b) = (served[key] ?? 0, served[other] ?? 0)
        #expect(a + b <= 17)
        #expect(abs(a - b) <= 5)
    }
}
