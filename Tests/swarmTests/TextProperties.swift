import JSONText

@testable import swarm

func isASCII(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(\.isASCII) }

func isSafeInTerminal(_ text: String) -> Bool {
    !text.unicodeScalars.contains(where: \.isUnsafeInTerminal)
}
