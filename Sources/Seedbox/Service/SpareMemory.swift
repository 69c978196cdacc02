import CLinux
import Glibc
import ServiceLifecycle

/// Gives the system back the memory that the daemon has and does not use, so that months later it
/// has no more than it needs.
struct SpareMemory: Service {
    func run() async throws {
        await cancelWhenGracefulShutdown {
            guard await waits(Limits.codeKept) else { return }
            Self.giveBackCode()
            repeat { _ = give_back_heap() } while await waits(Limits.spareHeapKept)
        }
    }

    private func waits(_ time: Duration) async -> Bool {
        (try? await Task.sleep(for: time)) != nil
    }

    /// Lets go of the pages of programs and libraries, most of which only the start needs. What is
    /// needed again comes back from the file, which the system has in memory as long as it can.
    ///
    /// - Returns: the bytes of address space that were let go of.
    @discardableResult
    static func giveBackCode() -> Int {
        guard let maps = fopen("/proc/self/maps", "re") else { return 0 }
        defer { fclose(maps) }
        var line = [CChar](repeating: 0, count: Limits.mapLineBytesMax)
        var ranges: [Range<UInt>] = []
        while fgets(&line, Int32(line.count), maps) != nil {
            let text = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            if let range = codeRange(in: String(decoding: text, as: UTF8.self)) {
                ranges.append(range)
            }
        }
        // Not while the list is being read: it would change.
        return ranges.reduce(0) { sum, range in
            let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound)
            return madvise(start, range.count, MADV_DONTNEED) == 0 ? sum + range.count : sum
        }
    }

    /// The addresses of a line of `/proc/self/maps` (proc_pid_maps(5)), if there is code of a file
    /// there that nobody can have written to.
    static func codeRange(in line: String) -> Range<UInt>? {
        let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard words.count == 6, words[1] == "r-xp", words[5].drop(while: { $0 == " " }).first == "/"
        else { return nil }
        let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return ends[0]..<ends[1]
    }
}
