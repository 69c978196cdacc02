import FuzzEntries
import Glibc

// swarm-fuzz ENTRY [libFuzzer's options and folders]: libFuzzer, without its own main function.

@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ runOne: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

private let entry: FuzzEntry = {
    if let name = CommandLine.arguments.dropFirst().first, let entry = FuzzEntry(rawValue: name) {
        return entry
    }
    let names = FuzzEntry.allCases.map(\.rawValue).joined(separator: ", ")
    print("swarm-fuzz: say what to fuzz: \(names)")
    exit(2)
}()

@main struct Main {
    static func main() {
        _ = entry
        var count = CommandLine.argc - 1
        var arguments = CommandLine.unsafeArgv + 1
        exit(
            runFuzzer(&count, &arguments) { data, count in
                let bytes = Array(UnsafeBufferPointer(start: data, count: count))
                if let broken = entry.run(bytes) {
                    print("broken: \(broken)")
                    abort()
                }
                return 0
            })
    }
}
