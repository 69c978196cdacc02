import Testing
import Units

@testable import swarm

@Suite(.ownThreads) struct FileListTests {
    @Test func readsNumbersAndRanges() throws {
        let list = try FileList("1-3,7")
        #expect((1...8).filter(list.contains) == [1, 2, 3, 7])
        #expect(list.last == 7)
    }

    @Test func rangesAreNotExpanded() throws {
        let list = try FileList("1-4000000000000")
        #expect(list.contains(3_999_999_999_999))
        #expect(list.ranges.count == 1)
    }

    @Test(arguments: ["", "0", "1,", ",1", "-3", "3-", "a", "1-2-3", "1 2", "0-3", "+1"])
    func refusesWhatIsNoList(_ text: String) {
        #expect(throws: ValueFault.notAFileList) { try FileList(text) }
    }

    @Test func refusesReversedRanges() {
        #expect(throws: ValueFault.reversedRange("3-1")) { try FileList("2,3-1") }
    }
}

@Suite(.ownThreads) struct CreationDateTests {
    @Test func readsDates() throws {
        #expect(try parseCreationDate("now") == .now)
        #expect(try parseCreationDate("none") == .none)
        #expect(try parseCreationDate("86400") == .seconds(86_400))
        #expect(throws: ValueFault.notADate) { try parseCreationDate("yesterday") }
        #expect(throws: ValueFault.notADate) { try parseCreationDate("-1") }
    }
}
