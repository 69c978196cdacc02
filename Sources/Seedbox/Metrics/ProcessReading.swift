import Glibc
import Units

/// What the kernel says of this process, under the names that every exporter uses.
struct ProcessReading: Sendable, Equatable {
    /// Seconds of processor time, in user mode and in the kernel.
    var cpuSeconds: Double
    var threads: Int
    /// Bytes.
    var virtualMemory: Int64
    var residentMemory: Int64
    /// Seconds since the machine was started.
    var startedAfterBoot: Double
    /// Seconds since 1970.
    var bootTime: Int64?
    var openFiles: Int?
    var openFilesMax: Int64?

    /// Reads `/proc/self`; nil where there is none.
    static func now() -> ProcessReading? {
        guard let stat = readSmallFile("/proc/self/stat"),
            var reading = ProcessReading(
                stat: stat, ticksPerSecond: Int64(sysconf(Int32(_SC_CLK_TCK))),
                pageSize: Int64(sysconf(Int32(_SC_PAGESIZE))))
        else { return nil }
        reading.bootTime = readSmallFile("/proc/stat").flatMap(bootTime(inStat:))
        reading.openFiles = countOfOpenFiles()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            reading.openFilesMax = Int64(clamping: limit.rlim_cur)
        }
        return reading
    }

    /// Reads `/proc/PID/stat`. The program's name stands in brackets, and may hold any of them.
    init?(stat: String, ticksPerSecond: Int64, pageSize: Int64) {
        guard let close = stat.lastIndex(of: ")"), ticksPerSecond > 0, pageSize > 0 else {
            return nil
        }
        // The first of these is the third of all: the state.
        let fields = stat[stat.index(after: close)...].split { $0 == " " || $0 == "\n" }
        func field(_ number: Int) -> Int64? {
            let index = number - 3
            return fields.indices.contains(index) ? Int64(fields[index]) : nil
        }
        guard let user = field(14), let kernel = field(15), let threads = field(20),
            let start = field(22), let virtual = field(23), let resident = field(24)
        else { return nil }
        cpuSeconds = Double(user.addingSaturating(kernel)) / Double(ticksPerSecond)
        self.threads = Int(clamping: threads)
        virtualMemory = virtual
        residentMemory = resident.multipliedSaturating(by: pageSize)
        startedAfterBoot = Double(start) / Double(ticksPerSecond)
    }

    /// The line `btime` of `/proc/stat`.
    static func bootTime(inStat text: String) -> Int64? {
        for line in text.split(separator: "\n") where line.hasPrefix("btime ") {
            return Int64(line.dropFirst("btime ".count))
        }
        return nil
    }

    func write(into page: inout Exposition) {
        page.counter(
            "process_cpu_seconds_total", "Processor time that was used, in seconds.", cpuSeconds)
        page.gauge("process_resident_memory_bytes", "Memory that is in use.", residentMemory)
        page.gauge("process_virtual_memory_bytes", "Addresses that are in use.", virtualMemory)
        page.gauge("process_threads", "Threads.", threads)
        if let openFiles { page.gauge("process_open_fds", "Open descriptors.", openFiles) }
        if let openFilesMax {
            page.gauge("process_max_fds", "Descriptors that may be open.", openFilesMax)
        }
        if let bootTime {
            page.gauge(
                "process_start_time_seconds", "When the process began, in seconds since 1970.",
                Double(bootTime) + startedAfterBoot)
        }
    }

    /// The folder that is read is itself open, and is not counted.
    private static func countOfOpenFiles() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = -1
        while let entry = readdir(folder) {
            // Names of descriptors are numbers; the other two are "." and "..".
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return max(0, count)
    }
}

/// A file of the kernel's, which has no size before it is read.
func readSmallFile(_ path: String, countMax: Int = Limits.kernelFileBytesMax) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: countMax)
    var count = 0
    while count < countMax {
        let got = bytes.withUnsafeMutableBytes { room in
            Glibc.read(file, room.baseAddress?.advanced(by: count), countMax - count)
        }
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
    }
    return String(decoding: bytes[..<count], as: UTF8.self)
}
