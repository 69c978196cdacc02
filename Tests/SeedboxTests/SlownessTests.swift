import SwarmScheduler
import Testing
import Units

@testable import Seedbox

@Suite struct SlownessTests {
    /// A download for which all is well.
    private var downloading: SlownessFacts {
        var facts = SlownessFacts(.downloading)
        (facts.counters.peersKnown, facts.counters.peersConnected) = (50, 20)
        (facts.counters.peersOfInterest, facts.counters.peersChokingUs) = (15, 3)
        (facts.counters.piecesMissing, facts.rate) = (100, 1_000_000)
        (facts.incomingConnections, facts.secondsListening) = (5, 3_600)
        (facts.counters.counters.dials, facts.counters.counters.dialFailures) = (30, 10)
        return facts
    }

    private var seeding: SlownessFacts {
        var facts = downloading
        facts.state = .seeding
        facts.isComplete = true
        facts.counters.piecesMissing = 0
        (facts.counters.peersOfInterest, facts.counters.peersChokingUs) = (0, 0)
        (facts.counters.peersWanting, facts.counters.peersWaiting) = (8, 2)
        return facts
    }

    private func kinds(_ facts: SlownessFacts) -> [SlownessReason.Kind] {
        Slowness.reasons(of: facts).map(\.kind)
    }

    @Test func whatIsFastHasNoReasonNotToBe() {
        #expect(kinds(downloading) == [])
        #expect(kinds(seeding) == [])
    }

    @Test(arguments: [
        (TorrentState.paused, SlownessReason.Kind.paused), (.queued, .queued),
        (.checking, .checking), (.moving, .checking), (.failed, .diskFails),
        (.waitingForStorage, .waitingForStorage),
    ])
    func whatStandsStillHasOneReason(state: TorrentState, reason: SlownessReason.Kind) {
        var facts = downloading
        facts.state = state
        facts.counters.peersKnown = 0
        #expect(kinds(facts) == [reason])
        #expect(Slowness.standstill(in: state) == reason)
    }

    @Test func whatHasReachedALimitSaysWhich() {
        var facts = seeding
        facts.state = .paused
        facts.limitReached = .seedTime
        let reasons = Slowness.reasons(of: facts)
        #expect(reasons.map(\.kind) == [.paused])
        #expect(reasons.first?.text.contains("its limit of seeding time") == true)
    }

    @Test func aFullDiskComesBeforeEverythingElse() {
        var facts = downloading
        facts.state = .noSpace
        facts.error = TorrentTrouble(kind: .local, text: "no space left")
        (facts.counters.peersKnown, facts.counters.peersConnected) = (0, 0)
        #expect(kinds(facts) == [.noSpace, .noPeersKnown])
    }

    @Test func withoutMetadataThatIsTheFirstReason() {
        var facts = downloading
        facts.state = .fetchingMetadata
        facts.hasMetadata = false
        #expect(kinds(facts) == [.noMetadata])
    }

    @Test func nobodyIsKnown() {
        var facts = downloading
        (facts.counters.peersKnown, facts.counters.peersConnected) = (0, 0)
        #expect(kinds(facts) == [.noPeersKnown])
    }

    @Test func whoIsDialledDoesNotAnswer() {
        var facts = downloading
        (facts.counters.counters.dials, facts.counters.counters.dialFailures) = (30, 24)
        facts.counters.peersConnected = 2
        let reasons = Slowness.reasons(of: facts)
        #expect(reasons.map(\.kind) == [.dialsRefused])
        #expect(reasons.first?.count == 24)
    }

    @Test func nobodyEverComesIn() {
        var facts = downloading
        (facts.incomingConnections, facts.counters.peersConnected) = (0, 4)
        #expect(kinds(facts) == [.noIncomingConnections])
        facts.secondsListening = 30
        #expect(kinds(facts) == [])
    }

    @Test func piecesThatNobodyHas() {
        var facts = downloading
        facts.counters.piecesNobodyHas = 7
        #expect(kinds(facts) == [.nobodyHasThePieces])
        #expect(Slowness.reasons(of: facts).first?.count == 7)
    }

    @Test func allWhoHaveSomethingChokeUs() {
        var facts = downloading
        facts.counters.peersChokingUs = 15
        #expect(kinds(facts) == [.everybodyChokesUs])
    }

    @Test func nobodyHasAnythingThatIsMissing() {
        var facts = downloading
        (facts.counters.peersOfInterest, facts.counters.peersChokingUs) = (0, 0)
        #expect(kinds(facts) == [.notInterested])
    }

    @Test func aLimitThatIsReached() {
        var facts = downloading
        facts.counters.downloadLimit = ByteRate(bytesPerSecond: 1_000_000)
        facts.counters.counters.limitedRequests = 40
        #expect(kinds(facts) == [.rateLimit])
        let words = Slowness.reasons(of: facts).first?.text ?? ""
        #expect(words.contains("held to \(sizeText(1_000_000))/s by"), "\(words)")
        #expect(Slowness.reasons(of: facts).first?.count == 40)
        facts.counters.downloadLimit = ByteRate(bytesPerSecond: 100_000_000)
        #expect(kinds(facts) == [])
        facts.counters.heldByDownloadLimit = 3
        #expect(kinds(facts) == [.rateLimit])
        facts.isComplete = true
        #expect(!kinds(facts).contains(.rateLimit))
    }

    @Test func aLimitOfNothingIsAReasonWithoutAnyTraffic() {
        var facts = downloading
        (facts.counters.downloadLimit, facts.rate) = (ByteRate(bytesPerSecond: 0), 0)
        #expect(kinds(facts) == [.rateLimit])
    }

    @Test func theDiskIsSlowerThanThePeers() {
        var facts = downloading
        facts.counters.isDiskBehind = true
        #expect(kinds(facts) == [.diskIsSlow])
    }

    @Test func noTrackerWorks() {
        var facts = downloading
        var failed = TrackerRow(url: "http://a/announce", tier: 0)
        failed.state = .failed
        failed.message = "unregistered torrent"
        facts.trackers = [failed]
        let reasons = Slowness.reasons(of: facts)
        #expect(reasons.map(\.kind) == [.trackersFail])
        #expect(reasons.first?.text.contains("unregistered torrent") == true)
        var working = TrackerRow(url: "http://b/announce", tier: 1)
        working.state = .working
        facts.trackers.append(working)
        #expect(kinds(facts) == [])
    }

    @Test func aSeedThatNobodyNeeds() {
        var facts = seeding
        (facts.counters.peersWanting, facts.counters.peersWaiting) = (0, 0)
        #expect(kinds(facts) == [.notInterested])
    }

    @Test func aSeedWithoutTurnsForAll() {
        var facts = seeding
        facts.counters.peersWaiting = 6
        #expect(kinds(facts) == [.noSlots])
    }

    @Test func nothingIsWanted() {
        var facts = downloading
        facts.counters.piecesMissing = 0
        #expect(kinds(facts) == [.nobodyWantsAnything])
    }

    @Test func aBrokenDiskIsSaidWithItsWords() {
        var facts = downloading
        facts.state = .failed
        facts.error = TorrentTrouble(kind: .local, text: "Input/output error")
        #expect(Slowness.reasons(of: facts).first?.text.contains("Input/output error") == true)
    }

    @Test func everyReasonIsOneOrTwoPlainSentences() {
        var facts = downloading
        (facts.counters.peersKnown, facts.counters.peersConnected, facts.incomingConnections) = (
            9, 1, 0
        )
        (facts.counters.counters.dials, facts.counters.counters.dialFailures) = (10, 10)
        (
            facts.counters.peersOfInterest, facts.counters.peersChokingUs,
            facts.counters.piecesNobodyHas
        ) = (1, 1, 100)
        facts.counters.isDiskBehind = true
        let reasons = Slowness.reasons(of: facts)
        #expect(
            reasons.map(\.kind) == [
                .dialsRefused, .noIncomingConnections, .nobodyHasThePieces, .everybodyChokesUs,
                .diskIsSlow,
            ])
        for reason in reasons { #expect(reason.text.hasSuffix(".")) }
    }
}
