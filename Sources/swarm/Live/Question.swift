import Glibc
import Terminal

/// Asks the user before something is done that cannot be undone.
enum Question {
    /// Yes where nobody can be asked: a script means what it says.
    static func isAnsweredYes(_ lines: [String]) -> Bool {
        guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return true }
        _ = writeAll(lines.joined(separator: "\n"), to: STDERR_FILENO)
        let answer = (readLine() ?? "").lowercased()
        return answer == "y" || answer == "yes"
    }
}
