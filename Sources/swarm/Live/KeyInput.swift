import Glibc
import Synchronization
import Units

/// What a user presses on the terminal while a screen is shown.
enum Key: Equatable, Sendable {
    case character(Character)
    case up
    case down
    case pageUp
    case pageDown
    case home
    case end

    /// The keys in what a terminal sent at once. Sequences that are not known are none.
    static func keys(in bytes: [UInt8]) -> [Key] {
        var keys: [Key] = []
        var rest = bytes[...]
        while let first = rest.popFirst() {
            guard first == 0x1B, rest.first == UInt8(ascii: "[") || rest.first == UInt8(ascii: "O")
            else {
                if (0x20..<0x7F).contains(first) {
                    keys.append(.character(Character(Unicode.Scalar(first))))
                }
                continue
            }
            rest.removeFirst()
            // ECMA-48, 5.4: parameters, and then a final byte.
            let parameters = rest.prefix { $0 < 0x40 }
            rest = rest.dropFirst(parameters.count)
            guard let final = rest.popFirst() else { continue }
            if let key = key(final, parameters) { keys.append(key) }
        }
        return keys
    }

    private static func key(_ final: UInt8, _ parameters: ArraySlice<UInt8>) -> Key? {
        switch (final, String(decoding: parameters, as: UTF8.self)) {
        case (UInt8(ascii: "A"), _): .up
        case (UInt8(ascii: "B"), _): .down
        case (UInt8(ascii: "H"), _), (UInt8(ascii: "~"), "1"): .home
        case (UInt8(ascii: "F"), _), (UInt8(ascii: "~"), "4"): .end
        case (UInt8(ascii: "~"), "5"): .pageUp
        case (UInt8(ascii: "~"), "6"): .pageDown
        default: nil
        }
    }
}

/// Standard input as a source of single keys. What the terminal was before is given back by
/// `restore`, however the program ends.
enum KeyInput {
    private static let before = Mutex<termios?>(nil)

    /// Whether keys come from now on; not if standard input is no terminal.
    static func begin() -> Bool {
        var settings = termios()
        guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 else {
            return false
        }
        before.withLock { before in if before == nil { before = settings } }
        // Signals are still made of the keys that make them.
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        return tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0
    }

    static func restore() {
        before.withLock { before in
            guard var settings = before else { return }
            tcsetattr(STDIN_FILENO, TCSANOW, &settings)
            before = nil
        }
    }

    /// The keys that came until then; nil if no more will come.
    static func keys(until deadline: Instant) -> [Key]? {
        var place = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        let left = max(0, (deadline - monotonicNow()).nanoseconds / 1_000_000)
        guard poll(&place, 1, Int32(clamping: left)) > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        guard count > 0 else { return count < 0 && errno == EINTR ? [] : nil }
        return Key.keys(in: Array(buffer[..<count]))
    }
}
