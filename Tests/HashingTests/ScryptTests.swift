import Hashing
import Testing

@Suite struct ScryptTests {
    /// RFC 7914, section 12, whose keys are of 64 bytes: the first 32 of PBKDF2's output are the
    /// same for a shorter key.
    @Test(arguments: [
        (
            "password", "NaCl", 10, 8, 16,
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
        ),
        (
            "pleaseletmein", "SodiumChloride", 14, 8, 1,
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        ),
    ])
    func makesWhatRFC7914Says(
        password: String, salt: String, logarithm: Int, blockSize: Int, parallelism: Int,
        key: String
    ) throws {
        let cost = try #require(
            ScryptHash.Cost(
                logarithm: logarithm, blockSize: blockSize, parallelism: parallelism))
        let hash = try #require(ScryptHash(of: password, salt: Array(salt.utf8), cost: cost))
        #expect(hash.description.hasSuffix("$" + key))
        #expect(hash.matches(password))
        #expect(!hash.matches(password + " "))
    }

    @Test func isReadAsItIsWritten() throws {
        let hash = try #require(ScryptHash(of: "", salt: [0, 255], cost: .least))
        #expect(hash.description.hasPrefix("$scrypt$ln=4,r=1,p=1$00ff$"))
        let read = try #require(ScryptHash(hash.description))
        #expect(read == hash)
        #expect(read.matches(""))
        #expect(!read.matches("x"))
    }

    @Test(arguments: [
        "", "password", "$scrypt$", "$scrypt$ln=4,r=1,p=1$00ff$00", "$argon2$ln=4,r=1,p=1$00$",
        "$scrypt$ln=40,r=1,p=1$00$" + String(repeating: "0", count: 64),
        "$scrypt$ln=4,r=1000,p=1$00$" + String(repeating: "0", count: 64),
        "$scrypt$ln=4,r=1,p=0$00$" + String(repeating: "0", count: 64),
        "$scrypt$ln=4,r=1$00$" + String(repeating: "0", count: 64),
        "$scrypt$ln=4,r=1,p=1$0g$" + String(repeating: "0", count: 64),
        "$scrypt$ln=4,r=1,p=1$$" + String(repeating: "0", count: 64),
    ])
    func anythingElseIsNoHash(_ text: String) {
        #expect(ScryptHash(text) == nil)
    }

    @Test func anotherSaltIsAnotherHash() throws {
        let a = try #require(ScryptHash(of: "a", salt: [1], cost: .least))
        let b = try #require(ScryptHash(of: "a", salt: [2], cost: .least))
        #expect(a.description.suffix(64) != b.description.suffix(64))
    }

    @Test func secretsAreEqualOrNot() {
        #expect(isEqualInConstantTime([1, 2], [1, 2]))
        #expect(isEqualInConstantTime([], []))
        #expect(!isEqualInConstantTime([1, 2], [1, 3]))
        #expect(!isEqualInConstantTime([1, 2], [1, 2, 3]))
    }
}
