import Bencode

enum BencodeFuzz {
    static func run(_ bytes: [UInt8]) throws(BrokenProperty) {
        if let strict = try? BencodeDocument(bytes, limits: .metainfo, .strict) {
            try require(
                Bencode(strict.root).encoded() == bytes, "strict bytes are not their own encoding")
        }
        if let lenient = try? BencodeDocument(bytes, limits: .metainfo, .lenient) {
            try reads(lenient)
        }
        if let prefix = try? BencodeDocument(prefixOf: bytes) {
            let end = prefix.root.range.upperBound
            try require(prefix.root.range.lowerBound == 0, "a prefix begins late")
            let alone = try? BencodeDocument(Array(bytes[..<end]))
            try require(alone != nil, "a prefix does not stand alone")
        }
    }

    /// What was read can be walked, and says the same once written and read again.
    private static func reads(_ document: BencodeDocument) throws(BrokenProperty) {
        let root = document.root
        try require(root.range == 0..<document.bytes.count, "the root is not the whole document")
        for element in root.elements {
            try require(isInside(element, root), "an element reaches outside its list")
        }
        for (key, value) in root.entries {
            try require(isInside(value, root), "a value reaches outside its dictionary")
            try require(root[Array(key)] != nil, "a key that was listed is not found")
        }
        let written = Bencode(root).encoded()
        guard let again = try? BencodeDocument(written, limits: .metainfo, .strict) else {
            throw BrokenProperty(text: "what was written is not canonical")
        }
        try require(Bencode(again.root) == Bencode(root), "writing has changed the value")
    }

    private static func isInside(_ inner: BencodeValue, _ outer: BencodeValue) -> Bool {
        outer.range.lowerBound < inner.range.lowerBound
            && inner.range.upperBound < outer.range.upperBound
    }
}
