import Hashing
import Metainfo
import PeerWire
import Testing
import Units

@testable import SwarmScheduler

/// What is answered to requests for hashes (BEP 52).
@Suite struct HashAnswerTests {
    private struct Unread: Error {}

    /// A file of so many blocks, whose hashes are those of their numbers.
    private struct File {
        let metainfo: Metainfo
        let leaves: [SHA256Digest]
        let root: SHA256Digest

        init(blocks: Int, blocksPerPiece: Int) throws {
            leaves = (0..<blocks).map { .hash(Array("\($0)".utf8)) }
            let starts = stride(from: 0, to: blocks, by: blocksPerPiece)
            let whole = blocks > blocksPerPiece ? blocksPerPiece : MerkleTree.leafCount(for: blocks)
            let roots = starts.map { [leaves] start in
                MerkleTree.root(
                    of: leaves[start..<min(start + blocksPerPiece, blocks)], padTo: whole)
            }
            let name = Array("f".utf8)
            let builder = try MetainfoBuilder(
                name: name, files: [.init(path: [name], length: Int64(blocks) * 16_384 - 5)],
                isSingleFile: true, pieceLength: UInt32(blocksPerPiece) * 16_384, version: .v2)
            metainfo = try builder.build(pieces: [], pieceRoots: [roots])
            root = try #require(metainfo.layout.files[0].piecesRoot)
        }

        func request(_ base: Int, _ index: Int, _ length: Int, _ proof: Int) -> HashRequest {
            HashRequest(
                piecesRoot: root, baseLayer: UInt32(base), index: UInt32(index),
                length: UInt32(length), proofLayers: UInt32(proof))
        }

        func answer(_ request: HashRequest) -> [SHA256Digest]? {
            guard let answer = HashAnswer(request, metainfo) else { return nil }
            return try? answer.hashes { number throws(Unread) in
                guard number < leaves.count else { throw Unread() }
                return leaves[number]
            }
        }
    }

    /// Whether the hashes lead to the root, with all uncles.
    private func isProven(_ hashes: [SHA256Digest], _ request: HashRequest) -> Bool {
        let length = Int(request.length)
        let node = MerkleTree.root(of: hashes[..<length], padTo: length)
        return MerkleTree.root(
            proving: node, at: Int(request.index) / length, uncles: Array(hashes[length...]))
            == request.piecesRoot
    }

    @Test func whatIsAnsweredProvesItself() throws {
        for (blocks, blocksPerPiece) in [
            (2, 4), (4, 4), (5, 4), (37, 4), (64, 1), (1_030, 2), (2_600, 1),
        ] {
            let file = try File(blocks: blocks, blocksPerPiece: blocksPerPiece)
            let height = MerkleTree.height(ofLeafCount: blocks)
            let pieceHeight = MerkleTree.height(ofLeafCount: blocksPerPiece)
            for base in Set([0, pieceHeight]) where base < height {
                let count = (blocks + (1 << base) - 1) >> base
                for length in [2, 4, 8, 512] where length <= 1 << (height - base) {
                    let known = length.trailingZeroBitCount
                    let uncles = height - base - known
                    let proof = uncles == 0 ? 0 : uncles + known - 1
                    for index in stride(from: 0, to: count, by: length) {
                        let request = file.request(base, index, length, proof)
                        let hashes = try #require(file.answer(request), "\(request)")
                        #expect(hashes.count == request.hashCount)
                        #expect(isProven(hashes, request), "\(blocks) \(request)")
                    }
                }
            }
        }
    }

    @Test func anIndependentAnswerIsTheSame() throws {
        let torrent = try SomeTorrent.trees([513])
        for request in [(0, 512, 9), (512, 2, 9), (0, 512, 0), (0, 512, 8)] {
            let root = try #require(torrent.layout.files[0].piecesRoot)
            let asked = HashRequest(
                piecesRoot: root, baseLayer: 1, index: UInt32(request.0),
                length: UInt32(request.1), proofLayers: UInt32(request.2))
            let answer = try #require(HashAnswer(asked, torrent))
            let hashes = try answer.hashes { _ throws(Unread) in throw Unread() }
            #expect(answer.piecesRead.isEmpty)
            #expect(hashes == SomeTorrent.hashes(asked, torrent))
        }
    }

    @Test("W15 what no tree of the torrent can answer is rejected")
    func w15() throws {
        // 37 blocks in 10 pieces: 64 leaves, 16 nodes in the layer of pieces.
        let file = try File(blocks: 37, blocksPerPiece: 4)
        let bad = [
            file.request(1, 0, 2, 0), file.request(3, 0, 2, 0), file.request(6, 0, 2, 0),
            file.request(2, 0, 0, 0), file.request(2, 0, 1, 0), file.request(2, 0, 3, 0),
            file.request(2, 1, 2, 0), file.request(2, 0, 32, 0), file.request(2, 16, 2, 0),
            // Padding alone.
            file.request(2, 10, 2, 0), file.request(0, 40, 8, 0),
            // More layers than there are.
            file.request(2, 0, 2, 4), file.request(0, 0, 2, 6), file.request(2, 0, 16, 4),
            file.request(2, 0, 2, 1 << 31), file.request(0, 0xFFFF_FFFE, 2, 0),
            file.request(0, 0, 513, 0), file.request(0, 0, 1 << 31, 0),
        ]
        for request in bad { #expect(HashAnswer(request, file.metainfo) == nil, "\(request)") }
        var stranger = file.request(2, 0, 2, 3)
        #expect(HashAnswer(stranger, file.metainfo) != nil)
        stranger.piecesRoot = .hash([1])
        #expect(HashAnswer(stranger, file.metainfo) == nil)
    }

    @Test func theLeavesOfAWholePieceMayBeAskedForAtOnce() throws {
        // Pieces of 16 MiB have 1,024 blocks.
        let file = try File(blocks: 2_000, blocksPerPiece: 1_024)
        #expect(HashAnswer(file.request(0, 1_024, 1_024, 10), file.metainfo)?.piecesRead == 1..<2)
        #expect(HashAnswer(file.request(0, 0, 2_048, 0), file.metainfo) == nil)
    }

    @Test func whatIsNotKnownIsRejected() throws {
        let torrent = try SomeTorrent.trees([5])
        let bare = try Metainfo(infoBytes: torrent.infoBytes, expecting: torrent.infoHash)
        let root = try #require(torrent.layout.files[0].piecesRoot)
        let request = HashRequest(
            piecesRoot: root, baseLayer: 1, index: 0, length: 8, proofLayers: 0)
        #expect(HashAnswer(request, torrent) != nil)
        #expect(HashAnswer(request, bare) == nil)
    }
}
