import Glibc
public import Metainfo

/// Why no manifest is made. Paths are as the user would name them, the folder's own path first.
public enum ChunkerError: Error, Equatable, Sendable {
    /// What is not a file and not a folder.
    public enum SpecialFile: String, Sendable {
        case fifo = "a named pipe"
        case socket = "a socket"
        case device = "a device"
        case other = "not a regular file"
    }

    /// What is wrong with a pattern.
    public enum PatternFault: String, Error, Sendable {
        case empty = "is empty"
        case tooLong = "is too long"
        case openSet = "has a [ without its ]"
        case emptySet = "has a range from a higher to a lower character"
        case danglingEscape = "ends in a \\"
    }

    /// There is nothing at `path`.
    case notFound(path: String)
    /// The file or folder cannot be opened or read, for the reason that `errno` tells.
    case unreadable(path: String, errno: Int32)
    /// The file is a pipe, a socket or a device, whose content has no end.
    case specialFile(path: String, SpecialFile)
    /// The file's length or date changed since the scan, or it was replaced or removed: what was
    /// hashed may be of two versions.
    case changed(path: String)
    /// A name is not UTF-8, which manifests demand (BEP 3); it is shown with `\xNN` for such bytes.
    case nameNotUTF8(path: String)
    /// Readers of manifests make `path` into `wouldBe`, and so would not find the file.
    case nameNotPortable(path: String, wouldBe: String)
    /// A symbolic link points outside the folder, or at the folder itself, which a manifest
    /// cannot say (BEP 47).
    case linkLeavesFolder(path: String, target: String)
    /// A symbolic link points at nothing, in a circle, at a folder that it is in, or at something
    /// that is left out.
    case linkDangles(path: String, target: String)
    /// Nothing is left to share: no file is there, or all are excluded.
    case noFiles(path: String)
    /// All files are empty.
    case noContent(path: String)
    case tooManyFiles(path: String, max: Int)
    case tooDeep(path: String, max: Int)
    /// The files together are longer than any number can say.
    case tooLong(path: String)
    /// The piece length is not one that the format allows, see `ChunkOptions.pieceLength`.
    case pieceLengthNotAllowed(UInt32, ChunkFormat)
    /// Of so many files and pieces a manifest is made that readers refuse for its size.
    case manifestTooLarge(path: String, files: Int, pieces: Int64)
    case tooManyPieces(count: Int64, max: Int, pieceLength: UInt32)
    /// The name is empty, `.`, `..`, or has a `/` or a zero byte.
    case nameNotAllowed(String)
    case patternNotAllowed(String, PatternFault)
    case tooManyPatterns(max: Int)
    /// A manifest that readers would refuse.
    case manifest(MetainfoBuilderError)
    /// The system gives no thread, for the reason that `errno` tells.
    case noThread(errno: Int32)
    case cancelled
}

extension ChunkerError: CustomStringConvertible {
    /// One line that names the file, says what is wrong with it, and what to do where that is
    /// not plain.
    public var description: String {
        switch self {
        case .notFound(let path): "\(path): no such file or folder"
        case .unreadable(let path, let errno): "\(path): cannot be read: \(reason(errno))"
        case .specialFile(let path, let kind):
            "\(path): is \(kind.rawValue), which cannot be shared; exclude it"
        case .changed(let path): "\(path): changed while it was read; try again when it is at rest"
        case .nameNotUTF8(let path): "\(path): the name is not UTF-8; rename or exclude it"
        case .nameNotPortable(let path, let wouldBe):
            "\(path): would be named \(wouldBe) by those who receive it; rename or exclude it"
        case .linkLeavesFolder(let path, let target):
            "\(path): links to \(target), outside the folder; exclude it or put a copy there"
        case .linkDangles(let path, let target):
            "\(path): links to \(target), no file or other folder that is shared; exclude it"
        case .noFiles(let path): "\(path): no files to share"
        case .noContent(let path): "\(path): all files are empty"
        case .tooManyFiles(let path, let max): "\(path): more than \(max) files"
        case .tooDeep(let path, let max): "\(path): more than \(max) folders deep"
        case .tooLong(let path): "\(path): too long in all"
        case .manifestTooLarge(let path, let files, let pieces):
            "\(path): \(files) files in \(pieces) pieces make a manifest that readers refuse; "
                + "take longer pieces or fewer files"
        case .manifest(let error): "the manifest: \(error)"
        case .noThread(let errno): "cannot start a thread: \(reason(errno))"
        case .cancelled: "cancelled"
        case .pieceLengthNotAllowed, .tooManyPieces, .nameNotAllowed, .patternNotAllowed,
            .tooManyPatterns:
            descriptionOfOptions
        }
    }

    private var descriptionOfOptions: String {
        switch self {
        case .pieceLengthNotAllowed(let length, .v1):
            "piece length \(length): not a power of two or a multiple of 16 KiB up to 256 MiB"
        case .pieceLengthNotAllowed(let length, let format):
            "piece length \(length): for \(format.rawValue) a power of two, 16 KiB to 256 MiB"
        case .tooManyPieces(let count, let max, let length):
            "piece length \(length): makes \(count) pieces, more than \(max); take a longer one"
        case .nameNotAllowed(let name): "name \"\(printable(name.utf8))\": not a name of a file"
        case .patternNotAllowed(let text, let fault):
            "pattern \"\(printable(text.utf8))\": \(fault.rawValue)"
        case .tooManyPatterns(let max): "more than \(max) patterns"
        default: ""
        }
    }
}

private func reason(_ errno: Int32) -> String {
    var text = [CChar](repeating: 0, count: 256)
    guard strerror_r(errno, &text, text.count) == 0 else { return "error \(errno)" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// `bytes` as text for people: what is not UTF-8 and what would move the cursor as `\xNN`.
func printable(_ bytes: some Collection<UInt8>) -> String {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self),
        !text.unicodeScalars.contains(where: { isControl($0) })
    {
        return text
    }
    var text = ""
    var rest = bytes[...]
    while !rest.isEmpty {
        // One character of at most four bytes, or else one byte by its number.
        let length = (1...min(4, rest.count)).first {
            String(validating: rest.prefix($0), as: UTF8.self) != nil
        }
        if let length, let character = String(validating: rest.prefix(length), as: UTF8.self),
            !character.unicodeScalars.contains(where: { isControl($0) })
        {
            text += character
            rest = rest.dropFirst(length)
        } else {
            text += rest.prefix(length ?? 1).map { escaped($0) }.joined()
            rest = rest.dropFirst(length ?? 1)
        }
    }
    return text
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
}

private func escaped(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return "\\x" + (digits.count == 1 ? "0" : "") + digits
}
