import SwarmScheduler
import Testing

@testable import Seedbox

@Suite struct SlownessTests {
    /// A download for which all is well.
    private var downloading: SlownessFacts {
        var facts = SlownessFacts(.downloading)
        (facts.peersKnown, facts.peersConnected) = (50, 20)
        (facts.peersWithSomethingForUs, facts.peersChokingUs) = (15, 3)
        (facts.piecesMissing, facts.rate) = (100, 1_000_000)
        (facts.incomingConnections, facts.secondsListening) = (5, 3_600)
        (facts.counters.dials, facts.counters.dialFailures) = (30, 10)
        return facts
    }

    private var seeding: SlownessFacts {
        var facts = downloading
        facts.state = .seeding
        facts.isComplete = true
        facts.piecesMissing = 0
        (facts.peersWithSomethingForUs, facts.peersChokingUs) = (0, 0)
        (facts.peersInterested, facts.peersChoked) = (8, 2)
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
        facts.peersKnown = 0
        #expect(kinds(facts) == [reason])
    }

    @Test func aFullDiskComesBeforeEverythingElse() {
        var facts = downloading
        facts.state = .noSpace
        (facts.peersKnown, facts.peersConnected) = (0, 0)
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
        (facts.peersKnown, facts.peersConnected) = (0, 0)
        #expect(kinds(facts) == [.noPeersKnown])
    }

    @Test func whoIsDialledDoesNotAnswer() {
        var facts = downloading
        (facts.counters.dials, facts.counters.dialFailures) = (30, 24)
        facts.peersConnected = 2
        let reasons = Slowness.reasons(of: facts)
        #expect(reasons.map(\.kind) == [.dialsRefused])
        #expect(reasons.first?.count == 24)
    }

    @Test func nobodyEverComesIn() {
        var facts = downloading
        (facts.incomingConnections, facts.peersConnected) = (0, 4)
        #expect(kinds(facts) == [.noIncomingConnections])
        facts.secondsListening = 30
        #expect(kinds(facts) == [])
    }

    @Test func piecesThatNobodyHas() {
        var facts = downloading
        facts.piecesNobodyHas = 7
        #expect(kinds(facts) == [.nobodyHasThePieces])
        #expect(Slowness.reasons(of: facts).first?.count == 7)
    }

    @Test func allWhoHaveSomethingChokeUs() {
        var facts = downloading
        facts.peersChokingUs = 15
        #expect(kinds(facts) == [.everybodyChokesUs])
    }

    @Test func nobodyHasAnythingThatIsMissing() {
        var facts = downloading
        (facts.peersWithSomethingForUs, facts.peersChokingUs) = (0, 0)
        #expect(kinds(facts) == [.notInterested])
    }

    @Test func aLimitThatIsReached() {
        var facts = downloading
        facts.rateLimit = 1_000_000
        facts.counters.limitedRequests = 40
        #expect(kinds(facts) == [.rateLimit])
        #expect(Slowness.reasons(of: facts).first?.count == 40)
        facts.rateLimit = 100_000_000
        facts.counters.limitedRequests = 0
        #expect(kinds(facts) == [])
    }

    @Test func aLimitOfNothingIsAReasonWithoutAnyTraffic() {
        var facts = downloading
        (facts.rateLimit, facts.rate) = (0, 0)
        #expect(kinds(facts) == [.rateLimit])
    }

    @Test func theDiskIsSlowerThanThePeers() {
        var facts = downloading
        facts.isDiskCongested = true
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
        (facts.peersInterested, facts.peersChoked) = (0, 0)
        #expect(kinds(facts) == [.notInterested])
    }

    @Test func aSeedWithoutTurnsForAll() {
        var facts = seeding
        facts.peersChoked = 6
        #expect(kinds(facts) == [.noSlots])
    }

    @Test func nothingIsWanted() {
        var facts = downloading
        facts.piecesMissing = 0
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
        (facts.peersKnown, facts.peersConnected, facts.incomingConnections) = (9, 1, 0)
        (facts.counters.dials, facts.counters.dialFailures) = (10, 10)
        (facts.peersWithSomethingForUs, facts.peersChokingUs, facts.piecesNobodyHas) = (1, 1, 100)
        facts.isDiskCongested = true
        let reasons = Slowness.reasons(of: facts)
        #expect(
            reasons.map(\.kind) == [
                .dialsRefused, .noIncomingConnections, .nobodyHasThePieces, .everybodyChokesUs,
                .diskIsSlow,
            ])
        for reason in reasons { #expect(reason.text.hasSuffix(".")) }
    }
}
