import Hashing
import Testing
import Units

@Suite struct MerkleTreeTests {
    /// The leaf `i` is the SHA-256 of `i` in four bytes, the high one first; the roots were
    /// computed with Python's hashlib.
    private static let roots: [(leaves: Int, padTo: Int, root: String)] = [
        (0, 1, "0000000000000000000000000000000000000000000000000000000000000000"),
        (0, 4, "db56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71"),
        (1, 1, "df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119"),
        (1, 8, "49109e72ab0677a35137a2c584acc66477dab8cd07a86d485b442518b553c0a8"),
        (2, 2, "430ebda8b2441cf6a796f7f2a9b3377ae2fc8b23fe022fc018bed864b0fa1815"),
        (3, 4, "872e06578f1a84fbad1b5ddb692b6d1982ea61228bb517c652f1bf46a441add8"),
        (5, 8, "35140e51bbbf71ece3b891759f8684d4f206311f7ece325bbaa554d266302b8c"),
        (5, 16, "851e7f5f412a4904cdca34d9e5e496dd0384ab2f38120796146a0ee9b9610866"),
        (64, 64, "28f9d8f52716c000b6b5096d08e63788abef78d0d9aca787df8f268ee8ea720a"),
        (100, 128, "376c73b9e8d1eda2b9bd3cbc8d3d10b29d0a983c458c5a0b9114427a7f7d0f31"),
        (513, 1024, "e105db63e587972dd50afc74a2999f0ba889fa52b0feec26a50b4a54d198b00a"),
    ]

    private func leaf(_ number: Int) -> SHA256Digest {
        SHA256Digest.hash((0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) })
    }

    private func leaves(_ numbers: Range<Int>) -> [SHA256Digest] { numbers.map { leaf($0) } }

    @Test func rootsAreThoseOfAnIndependentProgram() {
        for known in Self.roots {
            let leaves = leaves(0..<known.leaves)
            #expect("\(MerkleTree.root(of: leaves, padTo: known.padTo))" == known.root)
        }
    }

    @Test func padsWithWhatItIsTold() {
        let root = MerkleTree.root(of: leaves(0..<3), padTo: 8, padding: leaf(99))
        #expect("\(root)" == "0bdb1d88ef0ad42fe4367500bfde97ce53b7ba81fd6a42e56e90cc3e4c38f9a6")
    }

    @Test func takesTheNextPowerOfTwoForACountThatIsNone() {
        let leaves = leaves(0..<5)
        let root = MerkleTree.root(of: leaves, padTo: 8)
        for count in [Int.min, -1, 0, 1, 4, 5, 6, 7] {
            #expect(MerkleTree.root(of: leaves, padTo: count) == root)
        }
        #expect(MerkleTree.root(of: leaves, padTo: 9) == MerkleTree.root(of: leaves, padTo: 16))
    }

    @Test func rootsOfZerosAreThoseOfAnIndependentProgram() {
        let known = [
            0: "0000000000000000000000000000000000000000000000000000000000000000",
            1: "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
            2: "db56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71",
            6: "d88ddfeed400a8755596b21942c1497e114c302e6118290f91e6772976041fa1",
            14: "b58d900f5e182e3c50ef74969ea16c7726c549757cc23523c369587da7293784",
            16: "8fe6b1689256c0d385f42f5bbe2027a22c1996e110ba97c171d3e5948de92beb",
        ]
        for (height, root) in known { #expect("\(MerkleTree.zeroRoot(height: height))" == root) }
        #expect(MerkleTree.zeroRoot(height: -5) == .zero)
        let top = MerkleTree.zeroRoot(height: MerkleTree.heightMax)
        #expect(MerkleTree.zeroRoot(height: .max) == top)
    }

    @Test func aFilesRootFollowsFromItsPieceLayer() {
        let layer = [
            "ccf8ba8db4787dca70f7c8a00187f552ebbce4ad118e9cb951c168576e8bff38",
            "302eacdc6d512af026c9089379b0ef4eaada28e42e770ae019065c6b27d47462",
            "4638c55a2ba47d09306d0a088a80081fb876733f022fc7bf25fa6583d27905a7",
        ].compactMap { SHA256Digest(hex: $0) }
        let root = MerkleTree.root(ofPieceLayer: layer, pieceLength: 65536)
        #expect("\(root)" == "4dab49e5e91c8ff38f93f5d36303ca72807235d6d1259606aba937a8325bac0a")
        #expect(root == MerkleTree.root(of: leaves(0..<9), padTo: 16))
    }

    @Test(arguments: [21, 22, 23] as [UInt64])
    func agreesWithATreeBuiltLevelByLevel(seed: UInt64) {
        var rng = SeededGenerator(seed: seed)
        var hasher = MerkleHasher()
        for _ in 0..<40 {
            let count = Int.random(in: 0...70, using: &rng)
            let padded = MerkleTree.leafCount(for: count) << Int.random(in: 0...2, using: &rng)
            let padding = leaf(Int.random(in: 0...3, using: &rng))
            var level = leaves(0..<count)
            for leaf in level { hasher.append(leaf) }
            #expect(hasher.leafCount == count)
            level += Array(repeating: padding, count: padded - count)
            while level.count > 1 {
                level = stride(from: 0, to: level.count, by: 2).map {
                    SHA256Digest.hash(level[$0].bytes + level[$0 + 1].bytes)
                }
            }
            #expect(hasher.finish(padTo: padded, padding: padding) == level[0], "seed \(seed)")
            #expect(hasher.leafCount == 0)
        }
    }

    @Test func provesEveryLeafByItsUncles() {
        var layers = [leaves(0..<16)]
        while let below = layers.last, below.count > 1 {
            layers.append(
                stride(from: 0, to: below.count, by: 2).map {
                    MerkleTree.parent(below[$0], below[$0 + 1])
                })
        }
        for index in 0..<16 {
            let uncles = (0..<4).map { layers[$0][(index >> $0) ^ 1] }
            let root = MerkleTree.root(proving: leaf(index), at: index, uncles: uncles)
            #expect(root == layers[4][0])
            let wrong = MerkleTree.root(proving: leaf(index), at: index ^ 1, uncles: uncles)
            #expect(wrong != layers[4][0])
        }
        #expect(MerkleTree.root(proving: leaf(3), at: 7, uncles: []) == leaf(3))
    }

    @Test func countsLeavesAndHeights() {
        let known = [
            (-1, 1), (0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (512, 512), (513, 1024),
        ]
        for (count, leaves) in known { #expect(MerkleTree.leafCount(for: count) == leaves) }
        #expect(MerkleTree.height(ofLeafCount: 1 << 14) == 14)
        #expect(MerkleTree.height(ofLeafCount: .max) == MerkleTree.heightMax)
        #expect(MerkleTree.leafCount(for: .max) == 1 << 62)
    }
}
