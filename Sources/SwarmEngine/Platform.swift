import Foundation

/// What the machine offers.
enum Platform {
    static var coreCount: Int { max(1, ProcessInfo.processInfo.activeProcessorCount) }
}
