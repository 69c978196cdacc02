import ArgumentParser
import Glibc
import JSONText
import Simulator
import Terminal

struct CompareOverlays: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overlay",
        abstract: "Compare Kademlia, Chord, flooding and random walks on the same nodes.")

    @Option(help: ArgumentHelp("Sizes of the network.", valueName: "n,n,…"))
    var nodes = "100,1000,10000,100000,1000000"

    @Option(help: "Lookups at each size.")
    var lookups = OverlayComparison.Options().lookupCount

    @Option(help: "All chance comes from it.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Draw the comparison as SVG.", valueName: "file"))
    var plot: String?

    @Flag(help: "Write one JSON object.")
    var json = false

    func run() throws {
        let options = try self.options()
        let comparison: OverlayComparison
        do {
            comparison = try OverlayComparison(options)
        } catch {
            throw Failure(.badUsage, nil, error.text)
        }
        // Minutes of work should not end with a file that cannot be written.
        let picture = try plot.map { try PictureFile(path: $0) }
        let report = OverlayReport(options)
        if !json { Output.print("\(report.preamble)\n\n\(report.head)") }
        var rows: [OverlayFigures] = []
        comparison.run { row in
            rows.append(row)
            if !json { Output.print(report.line(row)) }
        }
        if json { Output.print(report.json(rows)) }
        if let picture, let plot = OverlayPlot(rows, options) {
            try picture.write(plot.document)
        }
    }

    private func options() throws(Failure) -> OverlayComparison.Options {
        var options = OverlayComparison.Options()
        options.nodeCounts = []
        for word in nodes.split(separator: ",", omittingEmptySubsequences: false) {
            guard let count = Int(word) else {
                throw Failure(.badUsage, "--nodes", "'\(word)' is not a number of nodes")
            }
            options.nodeCounts.append(count)
        }
        options.lookupCount = lookups
        options.seed = seed
        return options
    }
}

extension OverlayComparison.Failure {
    fileprivate var text: String {
        switch self {
        case .nodeCount(let count, let allowed):
            "--nodes: \(count) is not within \(allowed.lowerBound) to \(allowed.upperBound)"
        case .lookupCount(let count, let allowed):
            "--lookups: \(count) is not within \(allowed.lowerBound) to \(allowed.upperBound)"
        }
    }
}

/// A file that is written once, at the end.
private struct PictureFile {
    private let path: String
    private let file: UnsafeMutablePointer<FILE>

    init(path: String) throws(Failure) {
        guard let file = fopen(path, "w") else { throw Self.unwritable(path) }
        self.path = path
        self.file = file
    }

    func write(_ text: String) throws(Failure) {
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else { throw Self.unwritable(path) }
    }

    private static func unwritable(_ path: String) -> Failure {
        Failure(.unwritable, path, errno: errno)
    }
}
