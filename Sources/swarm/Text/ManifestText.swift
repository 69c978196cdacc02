import Hashing
import JSONText
import Metainfo
import Terminal
import Units

/// What is in a manifest, as text and as JSON.
struct ManifestText {
    let metainfo: Metainfo

    // MARK: - For people

    func lines(isUnicode: Bool) -> [StyledLine] {
        fields.map { field in
            var line = StyledLine(padded(right: field.label, to: 14), .dim)
            line.append(field.value, field.style)
            return line
        } + [""] + fileTree.lines(isUnicode: isUnicode)
    }

    private typealias Field = (label: String, value: String, style: Style)

    private var fields: [Field] {
        var fields: [Field] = [("name", terminalSafe(metainfo.name), .bold)]
        if let hash = metainfo.infoHash.v1 { fields.append(("info-hash v1", "\(hash)", .plain)) }
        if let hash = metainfo.infoHash.v2 { fields.append(("info-hash v2", "\(hash)", .plain)) }
        fields.append(("version", metainfo.version.word, .plain))
        fields.append(("size", sizeWords, .plain))
        let layout = metainfo.layout
        let length = exactSizeText(Int64(layout.pieceLength))
        let pieces = "\(groupedText(Int64(layout.pieceCount))) of \(length)"
        fields.append(("pieces", pieces, .plain))
        fields.append(("private", metainfo.isPrivate ? "yes" : "no", .plain))
        let optional: [(String, String?)] = [
            ("source", metainfo.source), ("comment", metainfo.comment),
            ("created by", metainfo.createdBy),
            ("created", metainfo.creationDate.map(dateText(secondsSince1970:))),
        ]
        for case (let label, let value?) in optional where !value.isEmpty {
            fields.append((label, terminalSafe(value), .plain))
        }
        for (tier, urls) in metainfo.announceTiers.enumerated() {
            for (position, url) in urls.enumerated() {
                let label = position == 0 ? "tracker \(tier + 1)" : ""
                fields.append((label, terminalSafe(url), .plain))
            }
        }
        for (position, url) in metainfo.webSeeds.enumerated() {
            fields.append((position == 0 ? "web seed" : "", terminalSafe(url), .plain))
        }
        for (position, node) in metainfo.nodes.enumerated() {
            let text = HostPort(host: node.host, port: node.port).description
            fields.append((position == 0 ? "DHT node" : "", terminalSafe(text), .plain))
        }
        fields.append(("magnet", terminalSafe(metainfo.magnetLink.text), .plain))
        return fields
    }

    private var sizeWords: String {
        let length = metainfo.layout.contentLength
        let files = countText(metainfo.shownFiles.count, "file")
        guard length >= 1024 else { return "\(sizeText(length)) in \(files)" }
        return "\(sizeText(length)) (\(groupedText(length)) bytes) in \(files)"
    }

    /// The files with the numbers that `--files` takes.
    var fileTree: FileTree {
        let top = metainfo.isSingleFile ? [] : [metainfo.name]
        return FileTree(
            metainfo.shownFiles.map { file in
                FileTree.File(
                    number: file.number, path: top + file.entry.path, length: file.entry.length,
                    remark: file.entry.remark)
            })
    }

    // MARK: - For programs

    var json: JSON {
        .object([
            ("name", .string(metainfo.name)), ("info_hash", infoHashJSON),
            ("version", .string(metainfo.version.word)),
            ("size", .integer(metainfo.layout.contentLength)),
            ("piece_length", .integer(Int64(metainfo.layout.pieceLength))),
            ("piece_count", .count(metainfo.layout.pieceCount)),
            ("private", .bool(metainfo.isPrivate)), ("source", .optional(metainfo.source)),
            ("comment", .optional(metainfo.comment)),
            ("created_by", .optional(metainfo.createdBy)),
            ("creation_date", metainfo.creationDate.map { .integer($0) } ?? .null),
            ("trackers", .array(metainfo.announceTiers.map(JSON.strings))),
            ("web_seeds", .strings(metainfo.webSeeds)),
            (
                "nodes",
                .strings(
                    metainfo.nodes.map { HostPort(host: $0.host, port: $0.port).description })
            ),
            ("magnet", .string(metainfo.magnetLink.text)),
            ("files", .array(metainfo.shownFiles.map(fileJSON))),
        ])
    }

    private var infoHashJSON: JSON {
        [
            "v1": .optional(metainfo.infoHash.v1.map { "\($0)" }),
            "v2": .optional(metainfo.infoHash.v2.map { "\($0)" }),
        ]
    }

    private func fileJSON(_ file: ShownFile) -> JSON {
        var members: [JSON.Member] = [
            ("number", .count(file.number)),
            ("path", .string(file.entry.path.joined(separator: "/"))),
            ("size", .integer(file.entry.length)),
        ]
        if file.entry.isExecutable { members.append(("executable", true)) }
        if file.entry.isHidden { members.append(("hidden", true)) }
        if let target = file.entry.symlinkTarget {
            members.append(("link_target", .string(target.joined(separator: "/"))))
        }
        if let root = file.entry.piecesRoot { members.append(("pieces_root", .string("\(root)"))) }
        return .object(members)
    }
}

/// A file as users know it: pad files have no number.
struct ShownFile: Sendable {
    let number: Int
    let index: FileIndex
    let entry: FileEntry
}

extension Metainfo {
    /// All files but pads, numbered from 1.
    var shownFiles: [ShownFile] {
        var files: [ShownFile] = []
        for (position, entry) in layout.files.enumerated() where !entry.isPad {
            files.append(
                ShownFile(number: files.count + 1, index: FileIndex(position), entry: entry))
        }
        return files
    }
}

extension Metainfo.Version {
    var word: String {
        switch self {
        case .v1: "v1"
        case .v2: "v2"
        case .hybrid: "hybrid"
        }
    }
}

extension FileEntry {
    fileprivate var remark: String? {
        if let symlinkTarget { return "-> " + symlinkTarget.joined(separator: "/") }
        let words = [isExecutable ? "executable" : nil, isHidden ? "hidden" : nil]
            .compactMap(\.self)
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }
}
