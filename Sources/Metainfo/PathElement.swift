import Hashing
import Units

/// What may be one element of a path on disk.
enum PathElement {
    /// Names the element that `raw` stands for. What is text that any file system takes stays as it
    /// is; everything else of it becomes `_`, so that no name can leave its folder, end early, or
    /// look like another to whoever reads it.
    static func sanitised(_ raw: ArraySlice<UInt8>) -> String {
        let isPlain = raw.span.isPlainName
        if isPlain, raw.count <= Limits.pathElementBytesMax {
            return String(decoding: raw, as: UTF8.self)
        }
        var text = String.UnicodeScalarView()
        for scalar in String(decoding: raw, as: UTF8.self).unicodeScalars {
            text.append(isSafe(scalar) ? scalar : "_")
        }
        let name = String(text)
        if name.isEmpty || name == "." || name == ".." { return "_" }
        return shortened(name, tag: SHA1Digest.hash(Array(raw)))
    }

    /// Cuts `name` to the length that an element may have: its beginning, a part of the hash that
    /// tells it from others with the same beginning, and its extension.
    static func shortened(
        _ name: String, tag: SHA1Digest, max: Int = Limits.pathElementBytesMax
    ) -> String {
        guard name.utf8.count > max else { return name }
        let end = "~" + "\(tag)".prefix(16) + split(name).fileExtension
        var start = String.UnicodeScalarView()
        var left = max - end.utf8.count
        for scalar in name.unicodeScalars {
            left -= UTF8.width(scalar)
            guard left >= 0 else { break }
            start.append(scalar)
        }
        return String(start) + end
    }

    /// Cuts a path that is too long as a whole: the folders that it begins with, and a name made
    /// of its hash.
    static func shortened(path: [String]) -> [String] {
        let length = path.reduce(path.count - 1) { $0 + $1.utf8.count }
        guard length > Limits.pathBytesMax, let last = path.last else { return path }
        let tag = SHA1Digest.hash(Array(path.joined(separator: "/").utf8))
        let name = "~\(tag)" + split(last).fileExtension
        var left = Limits.pathBytesMax - name.utf8.count
        var kept: [String] = []
        for element in path.dropLast() {
            left -= element.utf8.count + 1
            guard left >= 0 else { break }
            kept.append(element)
        }
        return kept + [name]
    }

    /// A name and its extension, which has its dot, or is empty if there is none that is short.
    static func split(_ name: String) -> (stem: Substring, fileExtension: Substring) {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex,
            name[dot...].utf8.count <= Limits.extensionBytesMax
        else { return (name[...], "") }
        return (name[..<dot], name[dot...])
    }

    private static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        // Controls, and what stands for bytes that are not UTF-8.
        case 0x00...0x1F, 0x7F...0x9F, 0xFFFD: false
        // Separators, ours and others'.
        case UInt32(UInt8(ascii: "/")), UInt32(UInt8(ascii: "\\")): false
        // Separators of lines and paragraphs; what turns the direction of writing around.
        case 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF: false
        default: true
        }
    }
}

extension Span<UInt8> {
    /// Whether this is a name of nothing but harmless ASCII.
    fileprivate var isPlainName: Bool {
        guard count > 2 || (count > 0 && self[0] != UInt8(ascii: ".")) else { return false }
        for position in indices {
            let byte = self[position]
            guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "/"), byte != UInt8(ascii: "\\")
            else { return false }
        }
        return true
    }
}

extension Metainfo {
    /// Whether the text is one element of a path that any file system takes as it is: what the
    /// paths of every torrent are made of.
    public static func isFileName(_ text: String) -> Bool {
        let raw = Array(text.utf8)
        return PathElement.sanitised(raw[...]).utf8.elementsEqual(raw)
    }
}
