import Foundation
import Glibc
import Testing

/// A pseudo-terminal of 80 columns, to run the program on.
struct PseudoTerminal {
    struct Failed: Error {}

    let master: FileHandle
    let slave: FileHandle

    init() throws {
        let master = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var isLocked: Int32 = 0
        var number: UInt32 = 0
        // TIOCSPTLCK and TIOCGPTN of Linux.
        guard master >= 0, ioctl(master, 0x4004_5431, &isLocked) == 0,
            ioctl(master, 0x8004_5430, &number) == 0
        else { throw Failed() }
        let slave = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        guard slave >= 0 else { throw Failed() }
        var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(slave, UInt(TIOCSWINSZ), &size)
        self.master = FileHandle(fileDescriptor: master, closeOnDealloc: true)
        self.slave = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
    }

    /// What was written up to and with `text`, or to the end of it all.
    func read(until text: String) -> String {
        var all = ""
        while !all.contains(text) {
            var place = pollfd(fd: master.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&place, 1, 20_000) > 0 else { return all }
            var buffer = [UInt8](repeating: 0, count: 4_096)
            // Fails once the other end is closed everywhere.
            let count = Glibc.read(master.fileDescriptor, &buffer, buffer.count)
            guard count > 0 else { return all }
            all += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return all
    }
}

@Suite(.ownThreads, .timeLimit(.minutes(10))) struct TerminalTests {
    private let folder: TemporaryFolder
    private let swarm: Binary

    init() throws {
        folder = try TemporaryFolder()
        swarm = Binary(folder: folder)
        // So large that hashing it lasts, and no byte of it on disk.
        try folder.file("big", Data())
        truncate(folder.path("big"), 64 << 30)
    }

    private func start(
        _ terminal: PseudoTerminal, _ options: [String] = [], _ environment: [String: String] = [:]
    ) throws -> Process {
        let process = swarm.process(
            ["create", "big", "--piece-length", "16M"] + options,
            ["TERM": "xterm"].merging(environment) { $1 })
        process.standardInput = terminal.slave
        process.standardOutput = terminal.slave
        process.standardError = terminal.slave
        try process.run()
        return process
    }

    private func end(_ process: Process, _ number: Int32) -> Int32 {
        kill(process.processIdentifier, number)
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -1
    }

    @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))])
    func theCursorComesBackWhenASignalEndsTheProgram(_ number: Int32, _ status: Int32) throws {
        let terminal = try PseudoTerminal()
        let process = try start(terminal)
        let begin = terminal.read(until: "of 64.0 GiB")
        #expect(begin.hasPrefix("\u{1B}[?25lhashing \u{1B}[1mbig\u{1B}[0m"))
        #expect(end(process, number) == status)
        terminal.slave.closeFile()
        #expect(terminal.read(until: "\u{1B}[?25h").hasSuffix("\u{1B}[?25h"))
        #expect(folder.names.contains("big.torrent") == false)
    }

    @Test func noColourIsHonouredAndTheBlockStays() throws {
        let terminal = try PseudoTerminal()
        let process = try start(terminal, [], ["NO_COLOR": "1"])
        let begin = terminal.read(until: "of 64.0 GiB")
        #expect(begin.contains("\u{1B}[?25lhashing big\u{1B}[K"))
        #expect(!begin.contains("\u{1B}[1m"))
        #expect(end(process, SIGINT) == 130)
    }

    @Test(arguments: [["--no-progress"], ["-q"], ["--json"]])
    func withoutProgressNothingIsDrawn(_ options: [String]) throws {
        truncate(folder.path("big"), 64 << 20)
        let terminal = try PseudoTerminal()
        let process = try start(terminal, options)
        process.waitUntilExit()
        terminal.slave.closeFile()
        #expect(process.terminationStatus == 0)
        let all = terminal.read(until: "\u{1B}")
        #expect(!all.contains("\u{1B}"))
        #expect(all.contains("magnet:?"))
    }

    @Test func aDumbTerminalIsNotDrawnOn() throws {
        truncate(folder.path("big"), 64 << 20)
        let terminal = try PseudoTerminal()
        let process = try start(terminal, [], ["TERM": "dumb"])
        process.waitUntilExit()
        terminal.slave.closeFile()
        #expect(!terminal.read(until: "\u{1B}").contains("\u{1B}"))
    }
}
