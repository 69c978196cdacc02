import Hashing
import Testing
import Tracker
import Units

@Suite struct TrackerScheduleTierTests {
    @Test func announcesToOneTrackerOfEachTier() {
        var bench = ScheduleBench(["a1 a2", "b1", "c1 c2 c3"])
        let announces = bench.start()
        #expect(announces.map { String($0.url.host.prefix(1)) } == ["a", "b", "c"])
        #expect(announces.allSatisfy { $0.event == .started && $0.numWant == 40 })
        #expect(bench.announces(.tick).isEmpty)
        #expect(bench.schedule.nextDeadline() == nil)
    }

    @Test func shufflesEachTierByTheGivenGenerator() {
        func first(_ seed: UInt64) -> String {
            var bench = ScheduleBench(["a b c d"], seed: seed)
            return words(bench.start())
        }
        #expect((0..<10).allSatisfy { first($0) == first($0) })
        #expect(Set((0..<50).map { first($0) }).count == 4)
    }

    @Test func triesTheNextOfATierAtOnceWhenOneFails() {
        var bench = ScheduleBench(["a b c"])
        let first = bench.start()
        let second = bench.fail(first[0])
        let third = bench.fail(second[0])
        #expect(Set((first + second + third).map(\.url.host)) == ["a", "b", "c"])
        #expect((second + third).allSatisfy { $0.event == .started })
        #expect(bench.fail(third[0]).isEmpty)
        #expect(bench.secondsLeft.map { $0 >= 30 && $0 <= 37.5 } == true)
    }

    @Test func movesATrackerThatAnswersToTheFront() {
        var bench = ScheduleBench(["a b c"])
        let first = bench.start()
        let second = bench.fail(first[0])
        _ = bench.answer(second[0])
        #expect(bench.schedule.status.first?.url == second[0].url)
        // The one that failed is not asked again while the other works.
        let regular = bench.wait()
        #expect(words(regular) == second[0].url.host)
        #expect(bench.status(of: first[0].url.host)?.swarms[0].failCount == 1)
    }

    @Test func returnsToATrackerThatFailedOnlyWhenTheOthersFail() {
        var bench = ScheduleBench(["a b"])
        let first = bench.start()
        let second = bench.fail(first[0])
        _ = bench.answer(second[0])
        let regular = bench.wait()
        let again = bench.fail(regular[0])
        #expect(words(again) == "\(first[0].url.host):started")
        _ = bench.answer(again[0])
        #expect(words(bench.wait()) == first[0].url.host)
    }

    @Test func dropsDoublesAndEmptyTiers() {
        var bench = ScheduleBench(["a a", "", "a b"])
        #expect(words(bench.start()) == "a:started b:started")
        #expect(bench.schedule.status.map(\.tier) == [0, 1])
    }

    @Test func takesAtMost200Trackers() {
        let many = ScheduleBench((0..<201).map { "h\($0)" })
        #expect(many.schedule.status.count == 200)
        #expect(ScheduleBench((0..<200).map { "h\($0)" }).schedule.status.count == 200)
    }

    @Test func doesNothingWithoutTrackers() {
        var bench = ScheduleBench([])
        #expect(bench.start().isEmpty)
        #expect(bench.schedule.nextDeadline() == nil)
        #expect(bench.handle(.needPeers).isEmpty)
        #expect(bench.handle(.stop) == [.stopped])
    }
}

@Suite struct TrackerScheduleTimeTests {
    @Test func announcesAgainAfterTheInterval() throws {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0], interval: 900)
        let left = try #require(bench.secondsLeft)
        #expect(left >= 900 && left < 945)
        #expect(bench.pass(899).isEmpty)
        #expect(words(bench.pass(46)) == "a")
    }

    @Test("T2 intervals are clamped here too", arguments: [(0, 60.0), (-5, 60), (200_000, 86_400)])
    func t2(interval: Int64, least: Double) throws {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0], interval: interval)
        let left = try #require(bench.secondsLeft)
        #expect(left >= least && left <= least + 60)
    }

    @Test func waitsForAMinIntervalThatIsLongerThanTheInterval() throws {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0], interval: 900, min: 1800)
        #expect(try #require(bench.secondsLeft) >= 1800)
        #expect(bench.announces(.needPeers).isEmpty)
        #expect(try #require(bench.secondsLeft) == 1800)
    }

    @Test func letsTorrentsThatBeganTogetherDriftApart() {
        let waits = (0..<UInt64(50)).compactMap { (seed) -> Double? in
            var bench = ScheduleBench(["a"], seed: seed)
            _ = bench.answer(bench.start()[0])
            return bench.secondsLeft
        }
        #expect(Set(waits).count > 40)
        #expect(waits.allSatisfy { $0 >= 1800 && $0 < 1860 })
    }

    @Test("T14 first announces come within the spread")
    func t14() throws {
        let waits = try (0..<UInt64(200)).map { (seed) -> Double in
            var bench = ScheduleBench(["a"], seed: seed)
            let isEmpty = bench.handle(.start(isComplete: true, spread: .seconds(500))).isEmpty
            #expect(isEmpty)
            // Nor does the wish for peers bring them forward.
            #expect(bench.announces(.needPeers).isEmpty)
            return try #require(bench.secondsLeft)
        }
        #expect(waits.allSatisfy { $0 >= 0 && $0 < 500 })
        #expect(waits.filter { $0 < 250 }.count > 60)
        #expect(waits.filter { $0 >= 250 }.count > 60)
    }

    @Test func asksForMorePeersAsSoonAsTheTrackerAllows() throws {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0], min: 300)
        #expect(bench.announces(.needPeers).isEmpty)
        #expect(try #require(bench.secondsLeft) == 300)
        #expect(bench.pass(299).isEmpty)
        #expect(words(bench.pass(1)) == "a")
        // One that is under way is enough.
        #expect(bench.announces(.needPeers).isEmpty)
    }

    @Test func waitsTwoMinutesWhereNoMinIntervalIsNamed() throws {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        #expect(bench.announces(.reannounce).isEmpty)
        #expect(try #require(bench.secondsLeft) == 120)
        var short = ScheduleBench(["a"])
        _ = short.answer(short.start()[0], interval: 60)
        #expect(short.announces(.reannounce).isEmpty)
        #expect(try #require(short.secondsLeft) == 60)
    }

    @Test func backsOffExponentiallyToAnHour() throws {
        var bench = ScheduleBench(["a"])
        var announce = bench.start()[0]
        for expected: Double in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
            #expect(bench.fail(announce).isEmpty)
            let left = try #require(bench.secondsLeft)
            #expect(left >= expected && left <= expected * 1.25)
            announce = try #require(bench.wait().first)
            #expect(announce.event == .started)
        }
        _ = bench.answer(announce)
        let regular = try #require(bench.wait().first)
        #expect(bench.fail(regular).isEmpty)
        #expect(try #require(bench.secondsLeft) <= 37.5)
    }

    @Test(
        "T1 T4 one who answers but not as a tracker is left alone for 5 minutes at least",
        arguments: [
            TrackerError.httpStatus(404, retryAfter: nil), .malformedReply(key: "peers"),
            .refused(reason: "no", retry: nil), .replyTooLarge(limit: 1), .insecure("expired"),
            .tooManyRedirects(limit: 5),
        ])
    func refusals(error: TrackerError) throws {
        var bench = ScheduleBench(["a"])
        #expect(bench.fail(bench.start()[0], error).isEmpty)
        let left = try #require(bench.secondsLeft)
        #expect(left >= 300 && left <= 375)
        #expect(bench.status(of: "a")?.swarms[0].lastError == error)
        let failed = bench.status(of: "a")?.swarms[0].lastTry
        #expect(failed != nil && bench.status(of: "a")?.swarms[0].lastAnswer == nil)
    }

    /// Why it is avoided is what its user wants to know.
    @Test func whatWasNotEvenSentHidesNoFailureBeforeIt() throws {
        var bench = ScheduleBench(["a"])
        #expect(bench.fail(bench.start()[0], .avoided).isEmpty)
        #expect(bench.status(of: "a")?.swarms[0].lastError == .avoided)
        #expect(bench.status(of: "a")?.swarms[0].lastTry == nil)
        for error in [TrackerError.unreachable("Connection refused"), .avoided] {
            #expect(bench.fail(try #require(bench.wait().first), error).isEmpty)
            let last = bench.status(of: "a")?.swarms[0].lastError
            #expect(last == .unreachable("Connection refused"))
        }
    }

    @Test func thoseWhoFailTogetherDoNotComeBackTogether() {
        let waits = (0..<UInt64(50)).compactMap { (seed) -> Double? in
            var bench = ScheduleBench(["a"], seed: seed)
            _ = bench.fail(bench.start()[0])
            return bench.secondsLeft
        }
        #expect(Set(waits).count > 40)
    }

    @Test func triesFailingTrackersWhenTheUserAsks() throws {
        var bench = ScheduleBench(["a"])
        let error = TrackerError.refused(reason: "no", retry: nil)
        #expect(bench.fail(bench.start()[0], error).isEmpty)
        #expect(bench.announces(.needPeers).isEmpty)
        #expect(try #require(bench.secondsLeft) >= 300)
        #expect(bench.announces(.reannounce).isEmpty)
        #expect(try #require(bench.secondsLeft) == 30)
        #expect(words(bench.pass(30)) == "a:started")
    }

    @Test func heedsAdviceWhenToTryAgain() throws {
        var bench = ScheduleBench(["a"])
        let error = TrackerError.httpStatus(503, retryAfter: .seconds(1200))
        #expect(bench.fail(bench.start()[0], error).isEmpty)
        let left = try #require(bench.secondsLeft)
        #expect(left >= 1200 && left <= 1500)
        #expect(bench.announces(.reannounce).isEmpty)
        #expect(try #require(bench.secondsLeft) == 1200)
    }

    @Test(
        "T8 Gone and never disable a tracker",
        arguments: [
            TrackerError.httpStatus(410, retryAfter: nil), .refused(reason: "x", retry: .never),
        ])
    func t8(error: TrackerError) {
        var bench = ScheduleBench(["a"])
        #expect(bench.fail(bench.start()[0], error).isEmpty)
        #expect(bench.schedule.nextDeadline() == nil)
        #expect(bench.status(of: "a")?.swarms[0].state == .disabled)
        #expect(bench.announces(.reannounce).isEmpty)
        #expect(bench.pass(1_000_000).isEmpty)
        #expect(bench.handle(.scrape).isEmpty)
        // It stays so when the torrent is stopped and started, until the user adds it again.
        #expect(bench.handle(.stop) == [.stopped])
        #expect(bench.start().isEmpty)
        #expect(bench.handle(.setTrackers([])).isEmpty)
        #expect(words(bench.announces(.setTrackers(ScheduleBench.urls(["a"])))) == "a:started")
    }

    @Test("T8 Gone is about the URL, words are about one info-hash")
    func t8Hybrid() {
        var gone = ScheduleBench(["a"], hashes: [ScheduleBench.v1, ScheduleBench.v2])
        let first = gone.start()
        #expect(gone.fail(first[0], .httpStatus(410, retryAfter: nil)).isEmpty)
        #expect(gone.status(of: "a")?.swarms.map(\.state) == [.disabled, .disabled])
        var never = ScheduleBench(["a"], hashes: [ScheduleBench.v1, ScheduleBench.v2])
        let second = never.start()
        #expect(never.fail(second[1], .refused(reason: "x", retry: .never)).isEmpty)
        #expect(never.status(of: "a")?.swarms.map(\.state) == [.announcing, .disabled])
    }

    @Test func ignoresAnswersToTriesThatAreOver() {
        var bench = ScheduleBench(["a"])
        let announce = bench.start()[0]
        _ = bench.answer(announce)
        let before = bench.schedule.status
        let response = AnnounceResponse(
            interval: .seconds(60), peers: [Endpoint("192.0.2.1:9")].compactMap(\.self))
        #expect(bench.handle(.announced(announce.attempt, response)).isEmpty)
        #expect(bench.handle(.failed(announce.attempt, .timedOut)).isEmpty)
        #expect(bench.schedule.status == before)
    }
}

@Suite struct TrackerScheduleEventTests {
    @Test func sendsStartedUntilItIsAnswered() {
        var bench = ScheduleBench(["a"])
        let first = bench.start()
        #expect(words(first) == "a:started")
        _ = bench.fail(first[0])
        let second = bench.wait()
        #expect(words(second) == "a:started")
        _ = bench.answer(second[0])
        #expect(words(bench.wait()) == "a")
    }

    @Test func sendsCompletedAtOnceAndOnce() {
        var bench = ScheduleBench(["a", "b"])
        for announce in bench.start() { _ = bench.answer(announce, min: 1800) }
        let completed = bench.announces(.completed)
        #expect(words(completed) == "a:completed b:completed")
        #expect(bench.announces(.completed).isEmpty)
        for announce in completed { #expect(bench.answer(announce).isEmpty) }
        #expect(words(bench.wait()).contains("completed") == false)
    }

    @Test func sendsCompletedAfterWhatIsUnderWay() {
        var bench = ScheduleBench(["a"])
        let started = bench.start()
        #expect(bench.announces(.completed).isEmpty)
        #expect(words(bench.answer(started[0])) == "a:completed")
    }

    @Test func repeatsCompletedThatFailed() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        let completed = bench.announces(.completed)
        #expect(bench.fail(completed[0]).isEmpty)
        let again = bench.wait()
        #expect(words(again) == "a:completed")
        #expect(bench.answer(again[0]).isEmpty)
    }

    @Test func sendsNoCompletedIfWeBeganComplete() {
        var bench = ScheduleBench(["a"])
        #expect(bench.answer(bench.start(isComplete: true)[0]).isEmpty)
        #expect(bench.announces(.completed).isEmpty)
        #expect(words(bench.wait()) == "a")
    }

    @Test func sendsNoCompletedWhileStopped() {
        var bench = ScheduleBench(["a"])
        #expect(bench.handle(.completed).isEmpty)
        #expect(bench.answer(bench.start(isComplete: true)[0]).isEmpty)
    }

    @Test func tellsTheNextOfATierThatTheDownloadEnded() {
        var bench = ScheduleBench(["a b"])
        let first = bench.start()
        _ = bench.answer(first[0])
        let completed = bench.announces(.completed)
        let next = bench.fail(completed[0])
        #expect(next.count == 1 && next[0].event == .started)
        #expect(next[0].url != first[0].url)
        #expect(words(bench.answer(next[0])) == "\(next[0].url.host):completed")
    }

    @Test func sendsStoppedToThoseThatWereToldStarted() {
        var bench = ScheduleBench(["a", "b", "c"])
        let announces = bench.start()
        _ = bench.answer(announces[0])
        _ = bench.fail(announces[1])
        // `c` may have heard us, although it has not answered.
        let actions = bench.handle(.stop)
        let stopped = bench.announces(in: actions)
        #expect(actions.first == .cancel(announces[2].attempt))
        #expect(words(stopped) == "a:stopped c:stopped")
        #expect(stopped.allSatisfy { $0.numWant == 0 })
        #expect(bench.schedule.nextDeadline() == nil)
        #expect(
            bench.handle(.announced(stopped[0].attempt, AnnounceResponse(interval: .zero))).isEmpty)
        #expect(bench.handle(.failed(stopped[1].attempt, .timedOut)) == [.stopped])
        #expect(bench.handle(.stop) == [.stopped])
    }

    @Test func sendsStoppedToEveryTrackerOfATierThatWasTold() {
        var bench = ScheduleBench(["a b"])
        let first = bench.start()
        _ = bench.answer(first[0])
        let second = bench.fail(bench.wait()[0])
        _ = bench.answer(second[0])
        #expect(Set(bench.announces(.stop).map(\.url.host)) == ["a", "b"])
    }

    @Test func sendsNoStoppedToATrackerThatWantsNoMore() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        _ = bench.fail(bench.wait()[0], .httpStatus(410, retryAfter: nil))
        #expect(bench.handle(.stop) == [.stopped])
    }

    @Test func startsAgainAfterAStopHasEnded() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0], min: 1800)
        let stopped = bench.announces(.stop)
        #expect(bench.start().isEmpty)
        let actions = bench.handle(
            .announced(stopped[0].attempt, AnnounceResponse(interval: .seconds(1800))))
        #expect(actions.first == .stopped)
        #expect(words(bench.announces(in: actions)) == "a:started")
    }

    @Test func doesNotStartAgainIfStoppedMeanwhile() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        let stopped = bench.announces(.stop)
        _ = bench.start()
        #expect(bench.handle(.stop).isEmpty)
        #expect(bench.handle(.failed(stopped[0].attempt, .timedOut)) == [.stopped])
    }

    @Test func abandonsWhatTakesTooLong() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        let stopped = bench.announces(.stop)
        #expect(bench.handle(.abandon) == [.cancel(stopped[0].attempt), .stopped])
        #expect(
            bench.handle(.announced(stopped[0].attempt, AnnounceResponse(interval: .zero))).isEmpty)
        #expect(bench.handle(.abandon).isEmpty)
        #expect(words(bench.start()) == "a:started")
    }

    @Test func ignoresASecondStart() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        #expect(bench.start().isEmpty)
        #expect(bench.status(of: "a")?.swarms[0].state == .working)
    }
}

@Suite struct TrackerScheduleAnswerTests {
    @Test func reportsPeersAddressesCountsAndWarnings() {
        var bench = ScheduleBench(["a"])
        let announce = bench.start()[0]
        let peers = [Endpoint("192.0.2.1:9")].compactMap(\.self)
        let address = Endpoint(ipv4: 0xC000_0209, port: 0)
        let response = AnnounceResponse(
            interval: .seconds(1800), peers: peers,
            namedPeers: [NamedPeer(host: "n", port: 1)], counts: SwarmCounts(seeders: 3),
            trackerID: [7], warning: "soon closed", externalAddress: address)
        #expect(
            bench.handle(.announced(announce.attempt, response)) == [
                .peers(
                    peers, named: [NamedPeer(host: "n", port: 1)], ScheduleBench.v1,
                    from: announce.tracker),
                .externalAddress(address, from: announce.tracker),
            ])
        let swarm = bench.status(of: "a")?.swarms[0]
        #expect(swarm?.counts == SwarmCounts(seeders: 3))
        #expect(swarm?.warning == "soon closed")
        #expect(swarm?.lastAnswer == bench.now)
        #expect(swarm?.state == .working)
        #expect(swarm?.nextAnnounce == bench.schedule.nextDeadline()?.0)
        #expect(bench.wait().first?.trackerID == [7])
    }

    @Test func announcesBothInfoHashesOfAHybridTorrent() {
        var bench = ScheduleBench(["a b"], hashes: [ScheduleBench.v1, ScheduleBench.v2])
        let announces = bench.start()
        #expect(announces.map(\.infoHash) == [ScheduleBench.v1, ScheduleBench.v2])
        #expect(announces[0].url == announces[1].url)
        // Each swarm finds its own tracker.
        _ = bench.answer(announces[0])
        let other = bench.fail(announces[1], .refused(reason: "unregistered", retry: nil))
        #expect(other.count == 1 && other[0].infoHash == ScheduleBench.v2)
        #expect(other[0].url != announces[0].url)
        _ = bench.answer(other[0])
        #expect(bench.announces(.completed).count == 2)
        var late = ScheduleBench(["a"], hashes: [ScheduleBench.v1, ScheduleBench.v2])
        for announce in late.start() { _ = late.answer(announce) }
        let stopped = late.announces(.stop)
        #expect(stopped.map(\.infoHash) == [ScheduleBench.v1, ScheduleBench.v2])
    }

    @Test func scrapesTheTrackersInUse() throws {
        var bench = ScheduleBench(["a", "b"], hashes: [ScheduleBench.v1, ScheduleBench.v2])
        let actions = bench.handle(.scrape)
        let scrapes = actions.compactMap {
            if case .scrape(let scrape) = $0 { scrape } else { nil }
        }
        #expect(scrapes.map(\.url.host) == ["a", "b"])
        #expect(scrapes[0].infoHashes == [ScheduleBench.v1, ScheduleBench.v2])
        #expect(bench.handle(.scrape).isEmpty)
        let response = ScrapeResponse(counts: [
            ScheduleBench.v2: SwarmCounts(seeders: 1, leechers: 2, downloads: 3)
        ])
        #expect(bench.handle(.scraped(scrapes[0].attempt, response)).isEmpty)
        #expect(bench.status(of: "a")?.swarms[1].counts == response.counts[ScheduleBench.v2])
        #expect(bench.status(of: "a")?.counts.downloads == 3)
        #expect(bench.handle(.failed(scrapes[1].attempt, .scrapeNotSupported)).isEmpty)
        #expect(bench.status(of: "b")?.scrapeError == .scrapeNotSupported)
        #expect(bench.handle(.scrape).isEmpty)
        bench.now = bench.now + .seconds(60)
        #expect(bench.handle(.scrape).count == 1)
        bench.now = bench.now + .seconds(900)
        #expect(bench.handle(.scrape).count == 1)
    }

    @Test func scrapesOnlyWhatCanBeScraped() {
        let urls = ["http://a/x", "http://b/announce"].compactMap { try? TrackerURL($0) }
        var schedule = TrackerSchedule(
            tiers: [urls], infoHashes: [ScheduleBench.v1], generator: SeededGenerator(seed: 1))
        var actions = ActionBuffer<TrackerSchedule.Action>()
        schedule.handle(.scrape, now: .zero, into: &actions)
        #expect(actions.count == 1)
    }

    @Test func stopsScrapingWhenTheTorrentLeaves() {
        var bench = ScheduleBench(["a"])
        _ = bench.answer(bench.start()[0])
        guard case .scrape(let scrape)? = bench.handle(.scrape).first else { return }
        let actions = bench.handle(.stop)
        #expect(actions.first == .cancel(scrape.attempt))
        #expect(words(bench.announces(in: actions)) == "a:stopped")
    }

    @Test func keepsWhatItKnowsOfTrackersThatStay() {
        var bench = ScheduleBench(["a b", "c"])
        for announce in bench.start() { _ = bench.answer(announce) }
        let used = bench.schedule.status[0].url.host
        let unused = used == "a" ? "b" : "a"
        let actions = bench.handle(
            .setTrackers(ScheduleBench.urls([unused, "d", used])))
        let announces = bench.announces(in: actions)
        #expect(words(announces.filter { $0.event == .stopped }) == "c:stopped")
        #expect(Set(announces.filter { $0.event == .started }.map(\.url.host)) == [unused, "d"])
        #expect(bench.schedule.status.map(\.url.host) == [unused, "d", used])
        #expect(bench.status(of: used)?.swarms[0].state == .working)
        // The answer of one that is gone changes nothing.
        let gone = announces.first { $0.event == .stopped }
        if let gone { #expect(bench.fail(gone).isEmpty) }
    }

    @Test func cancelsWhatIsUnderWayToATrackerThatGoes() {
        var bench = ScheduleBench(["a"])
        let announce = bench.start()[0]
        let actions = bench.handle(.setTrackers(ScheduleBench.urls(["b"])))
        #expect(actions.first == .cancel(announce.attempt))
        #expect(words(bench.announces(in: actions)) == "a:stopped b:started")
        #expect(bench.answer(announce).isEmpty)
    }
}
