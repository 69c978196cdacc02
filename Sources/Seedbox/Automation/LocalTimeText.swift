import Glibc

/// The local time in the words of ctime(3).
public func localTimeText() -> String {
    var now = time(nil)
    var parts = tm()
    guard localtime_r(&now, &parts) != nil else { return "" }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
        guard let base = buffer.baseAddress, asctime_r(&parts, base) != nil else { return "" }
        return String(cString: base).filter { !$0.isNewline }
    }
}
