import Terminal
import Units

/// The files of a torrent as a tree, each with its number and its size.
struct FileTree {
    struct File: Equatable, Sendable {
        /// The number by which `--files` knows it, from 1.
        let number: Int
        let path: [String]
        let length: Int64
        /// Words after the name: what is special about it.
        var remark: String?
    }

    /// A folder, with its entries in the order in which they first came.
    private final class Folder {
        enum Entry {
            case folder(String, Folder)
            case file(String, File)
        }

        var entries: [Entry] = []
        var folders: [String: Folder] = [:]

        func folder(_ name: String) -> Folder {
            if let known = folders[name] { return known }
            let folder = Folder()
            folders[name] = folder
            entries.append(.folder(name, folder))
            return folder
        }
    }

    private let top = Folder()
    private let numberColumns: Int
    private let sizeColumns: Int

    init(_ files: [File]) {
        for file in files {
            guard let name = file.path.last else { continue }
            let folder = file.path.dropLast().reduce(top) { $0.folder($1) }
            folder.entries.append(.file(name, file))
        }
        self.numberColumns = max(4, files.map { "\($0.number)".count }.max() ?? 0)
        self.sizeColumns = max(9, files.map { sizeText($0.length).count }.max() ?? 0)
    }

    /// One line for each file and folder. Depth is bounded by what a torrent may have.
    func lines(isUnicode: Bool) -> [StyledLine] {
        var lines: [StyledLine] = []
        write(top, indent: "", isUnicode: isUnicode, into: &lines)
        return lines
    }

    private func write(
        _ folder: Folder, indent: String, isUnicode: Bool, into lines: inout [StyledLine]
    ) {
        let (fork, end, bar) = isUnicode ? ("├─ ", "└─ ", "│  ") : ("|- ", "`- ", "|  ")
        for (index, entry) in folder.entries.enumerated() {
            let isLast = index == folder.entries.count - 1
            let branch = indent + (isLast ? end : fork)
            var line = StyledLine()
            switch entry {
            case .folder(let name, let inner):
                line.append(String(repeating: " ", count: numberColumns + 2 + sizeColumns + 2))
                line.append(branch, .dim)
                line.append(terminalSafe(name) + "/", .bold)
                lines.append(line)
                write(
                    inner, indent: indent + (isLast ? "   " : bar), isUnicode: isUnicode,
                    into: &lines)
            case .file(let name, let file):
                line.append(padded(left: "\(file.number)", to: numberColumns) + "  ", .dim)
                line.append(padded(left: sizeText(file.length), to: sizeColumns) + "  ")
                line.append(branch, .dim)
                line.append(terminalSafe(name))
                if let remark = file.remark { line.append("  " + terminalSafe(remark), .dim) }
                lines.append(line)
            }
        }
    }
}
