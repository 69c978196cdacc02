import Foundation
import Glibc
import Synchronization
import Testing

@testable import Storage

@Suite struct DiskPoolTests {
    @Test func jobsOfOneKeyRunInOrder() throws {
        let pool = DiskPool(writeLanes: 2)
        let seen = Collected<Int>()
        for number in 0..<1000 { pool.run(.write(key: 7)) { seen.append(number) } }
        pool.stop()
        #expect(seen.all == Array(0..<1000))
    }

    @Test func anEndlessCheckHoldsUpNeitherReadsNorWritesNorSyncs() throws {
        let pool = DiskPool(writeLanes: 1, readLanes: 1, checkLanes: 1)
        let gate = DispatchSemaphore(value: 0)
        pool.run(.check(key: 0)) { gate.wait() }
        for work in [DiskPool.Work.read(key: 0), .write(key: 0), .sync, .journal] {
            let ran: Bool = try answer { answer in pool.run(work) { answer(true) } }
            #expect(ran)
        }
        gate.signal()
        pool.stop()
    }

    @Test func lanesForReadsTakeSoManyJobsAndNoMore() throws {
        let pool = DiskPool(readLanes: 1)
        let gate = try pool.holdingReads()
        for _ in 0..<Limits.laneJobsMax { #expect(pool.run(.read(key: 0)) {}) }
        #expect(!pool.run(.read(key: 0)) {})
        gate.signal()
        pool.stop()
    }

    @Test func aStopRunsWhatIsQueuedAndTakesNothingMore() {
        let pool = DiskPool(writeLanes: 1)
        let seen = Collected<Int>()
        for number in 0..<100 { pool.run(.write(key: 0)) { seen.append(number) } }
        pool.stop()
        #expect(seen.all.count == 100)
        #expect(!pool.run(.write(key: 0)) { seen.append(-1) })
        #expect(seen.all.count == 100)
    }

    @Test func aPoolMayBeLetGoOnItsOwnLane() throws {
        let ran: Bool = try answer { answer in
            let pool = Mutex<DiskPool?>(DiskPool())
            let holder = Holder(pool)
            holder.run { answer(true) }
        }
        #expect(ran)
    }

    private final class Holder: Sendable {
        let pool: Mutex<DiskPool?>

        init(_ pool: consuming Mutex<DiskPool?>) { self.pool = pool }

        func run(_ body: @escaping @Sendable () -> Void) {
            _ = pool.withLock {
                $0?.run(.write(key: 0)) { [self] in
                    pool.withLock { $0 = nil }
                    body()
                }
            }
        }
    }

    @Test func delayedJobsRunInTime() throws {
        let pool = DiskPool()
        let begin = Lane.now
        let end: Int64 = try answer { answer in
            pool.runLater(nanoseconds: 20_000_000) { answer(Lane.now) }
        }
        #expect(end - begin >= 20_000_000)
        #expect(end - begin < 5_000_000_000)
    }

    @Test func lanesStandBackByMoreThanTheProgramDoes() throws {
        let pool = DiskPool(writeLanes: 1, readLanes: 1, checkLanes: 1)
        func niceness(_ work: DiskPool.Work) throws -> Int32 {
            try answer { answer in
                pool.run(work) { answer(getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)) }
            }
        }
        let own = try niceness(.journal)
        for work in [DiskPool.Work.write(key: 0), .read(key: 0), .sync] {
            #expect(try niceness(work) == min(19, own + Limits.diskNiceness))
        }
        #expect(try niceness(.check(key: 0)) == min(19, own + Limits.checkNiceness))
        pool.stop()
    }

    @Test func onePoolServesADevice() throws {
        let scratch = try Scratch()
        let pools = DiskPools()
        let pool = pools.pool(for: scratch.path)
        #expect(pools.pool(for: scratch.path + "/not/there/yet") === pool)
        #expect(pools.pool(for: "/proc") !== pool)
        pools.stop()
    }

    @Test func writesPastTheLimitOfTheProcessDoNotEndIt() throws {
        // The lanes block SIGXFSZ, which would end the process where EFBIG does not.
        let pool = DiskPool()
        let isBlocked: Bool = try answer { answer in
            pool.run(.write(key: 0)) {
                var signals = sigset_t()
                pthread_sigmask(SIG_BLOCK, nil, &signals)
                answer(sigismember(&signals, SIGXFSZ) == 1)
            }
        }
        #expect(isBlocked)
    }
}

@Suite struct ExtentMemoryTests {
    @Test func whatABurstHasTakenIsGivenBackAndWhatIsNeededStays() {
        let memory = ExtentMemory(budget: 1 << 20)
        let lengths = [256 << 10, 256 << 10, 16 << 10]
        for extent in lengths.map({ memory.take(length: $0) }) {
            memory.give(extent, wasQueued: false)
        }
        #expect(memory.freeBytes == 528 << 10)
        // It was all needed since it was looked at.
        memory.giveBackUnneeded()
        #expect(memory.freeBytes == 528 << 10)
        // Of the long ones one is, now and then.
        memory.give(memory.take(length: 256 << 10), wasQueued: false)
        memory.giveBackUnneeded()
        #expect(memory.freeBytes == 256 << 10)
        let held = memory.take(length: 256 << 10)
        memory.giveBackUnneeded()
        #expect(memory.usedBytes == 256 << 10)
        memory.give(held, wasQueued: false)
        memory.giveBackUnneeded()
        #expect(memory.freeBytes == 256 << 10)
        memory.giveBackUnneeded()
        #expect(memory.freeBytes == 0)
        #expect(memory.take(length: 256 << 10).bytes.count == 256 << 10)
    }

    @Test func congestionBeginsWithTheBudgetAndEndsWithAQuarterFree() {
        let memory = ExtentMemory(budget: 1 << 20)
        let relieved = Collected<Int>()
        _ = memory.listen(.init(relieved: { relieved.append(1) }, flush: { _ in 0 }))
        var extents = (0..<3).map { _ in memory.take(length: 256 << 10) }
        #expect(!memory.isCongested)
        extents.append(memory.take(length: 256 << 10))
        #expect(memory.isCongested)
        extents.append(memory.take(length: 256 << 10))
        #expect(memory.usedBytes == 1280 << 10, "what is on its way is taken")
        for extent in extents.prefix(1) { memory.give(extent, wasQueued: false) }
        #expect(memory.isCongested)
        #expect(relieved.all.isEmpty)
        memory.give(extents[1], wasQueued: false)
        #expect(!memory.isCongested)
        #expect(relieved.all.count == 1)
    }

    @Test func memoryThatNobodyWillGiveBackIsAskedFor() {
        let memory = ExtentMemory(budget: 1 << 20)
        let asked = Collected<Int>()
        _ = memory.listen(
            .init(
                relieved: {},
                flush: {
                    asked.append($0)
                    return $0
                }))
        let extents = (0..<4).map { _ in memory.take(length: 256 << 10) }
        memory.relieveIfStuck()
        #expect(asked.all == [256 << 10])
        for extent in extents.prefix(1) { memory.queued(extent) }
        memory.relieveIfStuck()
        #expect(asked.all.count == 1, "a lane will give back enough")
        for extent in extents.dropFirst() { memory.give(extent, wasQueued: false) }
        memory.give(extents[0])
        #expect(memory.usedBytes == 0)
    }

    @Test(arguments: [
        (UInt32(1), 16 << 10), (16384, 16 << 10), (16385, 32 << 10), (262_144, 256 << 10),
        (268_435_456, 256 << 10),
    ])
    func extentsAreNoLongerThanPiecesNeed(pieceLength: UInt32, extentLength: Int) {
        #expect(ExtentMemory.extentLength(forPieceLength: pieceLength) == extentLength)
    }
}
