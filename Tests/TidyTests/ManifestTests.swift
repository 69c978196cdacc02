import Testing

/// Package.swift against the table of the house.
@Suite struct ManifestTests {
    struct Declaration {
        let name: String
        let uses: [String]
        let isDoor: Bool
    }

    @Test func everyRoomHasAFloorAndUsesLowerOnesOnly() throws {
        let rooms = try declarations()
        #expect(rooms.count > 10, "the manifest was not understood")
        for room in rooms {
            guard let rules = House.rooms[room.name] else {
                Issue.record("\(room.name) has no floor in the table")
                continue
            }
            for used in room.uses {
                guard let below = House.rooms[used] else {
                    Issue.record("\(room.name) uses \(used), which has no floor")
                    continue
                }
                let sameShellFloor = rules.floor == below.floor && rules.floor == 4
                #expect(
                    below.floor < rules.floor || sameShellFloor,
                    "\(room.name) uses \(used), which is not below it")
                #expect(
                    rules.imports.contains(used),
                    "\(room.name) uses \(used), which is not on its line of the table")
            }
        }
    }

    @Test func everyFloorOfTheTableIsBuilt() throws {
        #expect(try Set(declarations().map(\.name)) == Set(House.rooms.keys))
    }

    @Test func everyRoomHasTests() throws {
        for room in try declarations() where !room.isDoor {
            guard !Tree.files(below: "Sources/\(room.name)", ending: "swift").isEmpty else {
                continue
            }
            let tests = try Tree.swift(below: "Tests/\(room.name)Tests")
            let count = tests.flatMap(\.code).count { !places(of: "@Test", in: $0).isEmpty }
            #expect(count > 0, "\(room.name) has no tests")
        }
    }

    /// The rooms as the manifest declares them: `room("Name", uses: ["A", "B"], …)`.
    private func declarations() throws -> [Declaration] {
        let source = SourceText(path: "Package.swift", try Tree.text(of: "Package.swift"))
        let code = Array(source.code.joined(separator: [0x0A]))
        let text = Array(source.lines.joined(separator: "\n").utf8)
        return ["room", "door"].flatMap { keyword in
            places(of: keyword, in: code).compactMap { start -> Declaration? in
                let open = start + keyword.utf8.count
                guard open < code.count, code[open] == UInt8(ascii: "("),
                    let close = closing(of: open, in: code)
                else { return nil }
                let arguments = String(decoding: text[(open + 1)..<close], as: UTF8.self)
                guard let name = strings(in: arguments).first,
                    arguments.drop(while: \.isWhitespace).first == "\""
                else { return nil }
                var uses: [String] = []
                if let list = arguments.split(separator: "uses: [").dropFirst().first,
                    arguments.contains(" uses: [") || arguments.contains("\n uses: [")
                {
                    uses = strings(in: String(list.prefix { $0 != "]" }))
                }
                return Declaration(name: name, uses: uses, isDoor: keyword == "door")
            }
        }
    }

    private func strings(in text: String) -> [String] {
        text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
