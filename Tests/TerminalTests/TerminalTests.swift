import JSONText
import Testing
import Units

@testable import Terminal

@Suite struct EscapingTests {
    @Test("M2 control and bidirectional characters of a torrent are shown, not obeyed")
    func m2ControlsAreShownNotObeyed() {
        #expect(terminalSafe("a\u{1B}[31mb") == "a\\u{1b}[31mb")
        #expect(terminalSafe("exe.\u{202E}gpj") == "exe.\\u{202e}gpj")
        #expect(terminalSafe("a\nb\tc\rd") == "a\\nb\\tc\\rd")
        #expect(terminalSafe("\u{9B}2J\u{7F}") == "\\u{9b}2J\\u{7f}")
        #expect(isASCII(terminalSafe("\u{2028}\u{2066}\u{FEFF}\u{E0041}")))
    }

    @Test func wordsOfAllScriptsStay() {
        for text in ["Größe", "日本語", "עברית", "👨‍👩‍👧", "नमस्ते", "می‌خواهم"] {
            #expect(terminalSafe(text) == text)
        }
    }

    @Test func noByteSequenceReachesTheTerminalRaw() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<2_000 {
            let bytes = (0..<24).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(isSafeInTerminal(terminalSafe(text)))
            #expect(isSafeInTerminal(JSON.string(text).text))
        }
    }
}

@Suite struct FailureTests {
    @Test func isOneLineThatNamesTheThing() {
        let failure = Failure(
            .unreadableSource, "T.torrent", "piece hashes: 39 bytes, not a multiple of 20")
        #expect(
            failure.line(from: "swarm")
                == "swarm: T.torrent: piece hashes: 39 bytes, not a multiple of 20")
        #expect(
            Failure(.failed, "a\nb", "c", remedy: "d").line(from: "swarm") == "swarm: a\\nb: c; d")
        #expect(
            failure.json.text
                == #"{"error":{"code":4,"message":"T.torrent: piece hashes: 39 bytes, "#
                + #"not a multiple of 20","subject":"T.torrent"}}"#)
    }

    @Test func systemErrorsAreInWords() {
        #expect(systemErrorText(2) == "no such file or directory")
        #expect(systemErrorText(5) == "input/output error")
    }

    @Test func statusesAreThoseOfTheContract() {
        #expect(
            ExitStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130, 143])
    }
}

private func isASCII(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(\.isASCII) }

private func isSafeInTerminal(_ text: String) -> Bool {
    !text.unicodeScalars.contains(where: \.isUnsafeInTerminal)
}
