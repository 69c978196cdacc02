import Hashing
import Metainfo
import PeerWire
import Units

/// Which hashes of pieces to ask for (BEP 52), 512 at a time, and from whom. Each answer proves
/// itself against its file's root, so a wrong one is its sender's doing, and no other is believed.
struct LayerPicker: Sendable {
    /// What came of hashes.
    enum Reception: Hashable, Sendable {
        /// So many hashes of pieces are new.
        case kept(Int)
        /// Nobody asked for them, or others had sent them.
        case unsolicited
        /// They do not make the file's root.
        case wrong
    }

    private struct Part: Sendable {
        let layer: Int
        let request: HashRequest
        /// Hashes of pieces that there are, without those that pad the tree.
        let count: Int
    }

    private struct Layer: Sendable {
        let file: FileIndex
        let root: SHA256Digest
        let pieceCount: Int
        let rootHeight: Int
        var missingParts: Int
        /// None before the first hashes have come.
        var hashes: [SHA256Digest] = []
    }

    private struct Question: Sendable {
        let part: Int
        let key: PeerKey
        let askedAt: Instant
        /// It was asked of others since.
        var isOverdue = false
    }

    private let baseLayer: Int
    private var layers: [Layer] = []
    private var parts: [Part] = []
    /// Parts that nobody is asked for, the next one last. Some may be done meanwhile.
    private var open: [Int] = []
    private var isOpen: [Bool] = []
    private var questions: [HashRequest: [Question]] = [:]
    private var isDone: [Bool] = []
    /// Who refused what.
    private var refusals: [Int: [PeerKey]] = [:]
    private(set) var hashesDone = 0
    private(set) var hashesTotal = 0

    /// The layers that `metainfo` lacks. Files with the same contents share one.
    init(_ metainfo: Metainfo) {
        let layout = metainfo.layout
        baseLayer = MerkleTree.height(ofLeafCount: Int(layout.pieceLength / blockLength))
        var seen: Set<SHA256Digest> = []
        for file in metainfo.filesWithoutPieceLayer {
            let entry = layout.files[file.position]
            guard let root = entry.piecesRoot, seen.insert(root).inserted else { continue }
            append(file, root, length: entry.length, pieceLength: layout.pieceLength)
        }
        open = Array(parts.indices.reversed())
        isOpen = Array(repeating: true, count: parts.count)
        isDone = Array(repeating: false, count: parts.count)
    }

    private mutating func append(
        _ file: FileIndex, _ root: SHA256Digest, length: Int64, pieceLength: UInt32
    ) {
        let pieceCount = Int((length - 1) / Int64(pieceLength)) + 1
        let blockCount = Int((length - 1) / Int64(blockLength)) + 1
        let rootHeight = MerkleTree.height(ofLeafCount: blockCount)
        let most = Limits.hashesPerRequestMax
        let firsts = stride(from: 0, to: pieceCount, by: most)
        for first in firsts {
            let count = min(most, pieceCount - first)
            parts.append(
                Part(
                    layer: layers.count,
                    request: request(root, rootHeight, first: first, count: count), count: count))
        }
        layers.append(
            Layer(
                file: file, root: root, pieceCount: pieceCount, rootHeight: rootHeight,
                missingParts: (pieceCount + most - 1) / most))
        hashesTotal += pieceCount
    }

    /// Asks for as many as make a tree, two at least, and for what proves them up to the root. The
    /// proof layers that follow from the hashes themselves count too.
    private func request(
        _ root: SHA256Digest, _ rootHeight: Int, first: Int, count: Int
    ) -> HashRequest {
        let length = max(2, MerkleTree.leafCount(for: count))
        let height = MerkleTree.height(ofLeafCount: length)
        let uncles = max(0, rootHeight - baseLayer - height)
        return HashRequest(
            piecesRoot: root, baseLayer: UInt32(baseLayer), index: UInt32(clamping: first),
            length: UInt32(length), proofLayers: uncles == 0 ? 0 : UInt32(uncles + height - 1))
    }

    var isComplete: Bool { hashesDone == hashesTotal }
    /// How many requests the peer has yet to answer, late ones too.
    func owedCount(by key: PeerKey) -> Int {
        questions.values.reduce(0) { sum, asked in sum + asked.count { $0.key == key } }
    }

    /// The torrent with the layers that came.
    func completing(_ metainfo: Metainfo) throws(MetainfoError) -> Metainfo {
        var metainfo = metainfo
        for layer in layers where layer.missingParts == 0 {
            try metainfo.setPieceLayer(layer.hashes, of: layer.file)
        }
        return metainfo
    }

    // MARK: Asking

    /// What to ask the peer for next; nil if there is nothing for it.
    mutating func next(for key: PeerKey, now: Instant) -> HashRequest? {
        while let last = open.last, isDone[last] { open.removeLast() }
        let looked = open.suffix(Limits.hashPartsScanned)
        guard
            let position = looked.indices.last(where: {
                !isDone[open[$0]] && refusals[open[$0]]?.contains(key) != true
                    && questions[parts[open[$0]].request]?.contains { $0.key == key } != true
            })
        else { return nil }
        let part = open.remove(at: position)
        isOpen[part] = false
        questions[parts[part].request, default: []].append(
            Question(part: part, key: key, askedAt: now))
        return parts[part].request
    }

    /// What peers did not answer in time is asked of others; late answers are welcome.
    mutating func release(askedBefore time: Instant) -> [PeerKey] {
        var slow: [PeerKey] = []
        for (request, asked) in questions {
            for position in asked.indices
            where asked[position].askedAt <= time && !asked[position].isOverdue {
                questions[request]?[position].isOverdue = true
                slow.append(asked[position].key)
                reopen(asked[position].part)
            }
        }
        guard !slow.isEmpty else { return [] }
        // In an order of their own, not the dictionary's.
        open.sort(by: >)
        return Set(slow).sorted()
    }

    /// The peer will not answer.
    mutating func rejected(_ request: HashRequest, by key: PeerKey) -> Bool {
        guard let question = remove(request, askedOf: key) else { return false }
        if (refusals[question.part]?.count ?? 0) >= Limits.hashRefusalsMax {
            refusals[question.part]?.removeFirst()
        }
        refusals[question.part, default: []].append(key)
        if !question.isOverdue { reopen(question.part) }
        return true
    }

    /// The peer is gone.
    mutating func left(_ key: PeerKey) {
        let asked = questions.filter { $0.value.contains { $0.key == key } }.keys
        guard !asked.isEmpty else { return }
        for request in asked {
            guard let question = remove(request, askedOf: key), !question.isOverdue else {
                continue
            }
            reopen(question.part)
        }
        open.sort(by: >)
    }

    private mutating func reopen(_ part: Int) {
        guard !isDone[part], !isOpen[part] else { return }
        isOpen[part] = true
        open.append(part)
    }

    private mutating func remove(_ request: HashRequest, askedOf key: PeerKey) -> Question? {
        guard let position = questions[request]?.firstIndex(where: { $0.key == key }) else {
            return nil
        }
        let question = questions[request]?.remove(at: position)
        if questions[request]?.isEmpty == true { questions[request] = nil }
        return question
    }

    // MARK: Being answered

    /// Takes hashes if the peer was asked for them, and if they prove themselves.
    mutating func receive(
        _ hashes: [SHA256Digest], for request: HashRequest, from key: PeerKey
    ) -> Reception {
        guard let question = remove(request, askedOf: key) else { return .unsolicited }
        let part = parts[question.part]
        guard !isDone[question.part] else { return .kept(0) }
        guard isProven(hashes, part) else {
            if !question.isOverdue { reopen(question.part) }
            return .wrong
        }
        isDone[question.part] = true
        if layers[part.layer].hashes.isEmpty {
            layers[part.layer].hashes = Array(
                repeating: .zero, count: layers[part.layer].pieceCount)
        }
        let first = Int(request.index)
        for offset in 0..<part.count { layers[part.layer].hashes[first + offset] = hashes[offset] }
        layers[part.layer].missingParts -= 1
        hashesDone += part.count
        return .kept(part.count)
    }

    private func isProven(_ hashes: [SHA256Digest], _ part: Part) -> Bool {
        let request = part.request
        let length = Int(request.length)
        // A zero hash stands for one that is not known, and proves nothing.
        guard hashes.count == request.hashCount,
            !hashes[..<part.count].contains(.zero), !hashes[length...].contains(.zero)
        else { return false }
        let node = MerkleTree.root(of: hashes[..<length], padTo: length)
        let root = MerkleTree.root(
            proving: node, at: Int(request.index) / length, uncles: Array(hashes[length...]))
        return root == layers[part.layer].root
    }
}
