import Testing

@testable import Seedbox

@Suite struct SpareMemoryTests {
    @Test func onlyCodeOfFilesIsLetGoOf() {
        let program = "55d0-55e0 r-xp 00000000 fe:00 29941  /usr/bin/a program"
        #expect(SpareMemory.codeRange(in: program) == 0x55d0..<0x55e0)
        for other in [
            // Relocated, and so not what the file says any more.
            "55f0-5600 r--p 00001000 fe:00 29941 /usr/bin/program",
            "5600-5610 rw-p 00002000 fe:00 29941 /usr/bin/program",
            "7ffd-7ffe r-xp 00000000 00:00 0 [vdso]",
            "7f00-7f10 r-xp 00000000 00:00 0 ",
            "55e0-55d0 r-xp 00000000 fe:00 29941 /usr/bin/program",
            "-55d0 r-xp 00000000 fe:00 29941 /usr/bin/program", "", "\n",
        ] {
            #expect(SpareMemory.codeRange(in: other) == nil, "\(other)")
        }
    }

    @Test func theProcessGoesOnWithoutTheCodeThatItHad() {
        #expect(SpareMemory.giveBackCode() > 1 << 20)
        #expect("code".utf8.reduce(0) { $0 + Int($1) } == 411)
    }
}
