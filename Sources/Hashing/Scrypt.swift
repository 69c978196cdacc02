internal import COpenSSL
import Units

/// A password as it is kept: what scrypt (RFC 7914) makes of it, with its salt and cost. Whoever
/// finds this has still to guess, at 32 MiB and some hundredths of a second a guess.
public struct ScryptHash: Hashable, Sendable {
    /// What one guess costs.
    public struct Cost: Hashable, Sendable {
        /// The binary logarithm of RFC 7914's N.
        public let logarithm: Int
        public let blockSize: Int
        public let parallelism: Int

        /// Nil if it takes more memory or time than a service gives a stranger's password.
        public init?(logarithm: Int, blockSize: Int, parallelism: Int) {
            guard (1...Limits.scryptLogarithmMax).contains(logarithm),
                (1...Limits.scryptBlockSizeMax).contains(blockSize),
                (1...Limits.scryptParallelismMax).contains(parallelism)
            else { return nil }
            self.init(checked: logarithm, blockSize, parallelism)
        }

        private init(checked logarithm: Int, _ blockSize: Int, _ parallelism: Int) {
            self.logarithm = logarithm
            self.blockSize = blockSize
            self.parallelism = parallelism
        }

        /// 32 MiB: what is advised for passwords that people type.
        public static let interactive = Cost(checked: 15, 8, 1)
        /// For tests, which have no time to lose and nothing to guard.
        public static let least = Cost(checked: 4, 1, 1)
    }

    public static let saltByteCount = 16
    public static let keyByteCount = 32

    public let cost: Cost
    public let salt: [UInt8]
    private let key: [UInt8]

    /// Nil when memory is gone.
    public init?(of password: String, salt: [UInt8], cost: Cost = .interactive) {
        guard let key = Self.derive(from: password, salt: salt, cost: cost) else { return nil }
        self.cost = cost
        self.salt = salt
        self.key = key
    }

    /// Whether this is the hash of `password`. Takes as long for a wrong one as for the right one.
    public func matches(_ password: String) -> Bool {
        guard let other = Self.derive(from: password, salt: salt, cost: cost) else { return false }
        return isEqualInConstantTime(key, other)
    }

    private static func derive(from password: String, salt: [UInt8], cost: Cost) -> [UInt8]? {
        var key = [UInt8](repeating: 0, count: keyByteCount)
        let memory = UInt64(128 * cost.blockSize) << UInt64(cost.logarithm) + (1 << 20)
        let password = password.utf8.map { CChar(bitPattern: $0) }
        let isDone = EVP_PBE_scrypt(
            password, password.count, salt, salt.count, 1 << UInt64(cost.logarithm),
            UInt64(cost.blockSize), UInt64(cost.parallelism), memory, &key, key.count)
        return isDone == 1 ? key : nil
    }
}

extension ScryptHash: LosslessStringConvertible {
    /// `$scrypt$ln=15,r=8,p=1$salt$key`, the last two in hex.
    public var description: String {
        "$scrypt$ln=\(cost.logarithm),r=\(cost.blockSize),p=\(cost.parallelism)$"
            + "\(hexText(salt))$\(hexText(key))"
    }

    public init?(_ text: String) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[0].isEmpty, parts[1] == "scrypt",
            let cost = Self.cost(parts[2]),
            let salt = bytes(fromHex: parts[3]), !salt.isEmpty,
            let key = bytes(fromHex: parts[4]), key.count == Self.keyByteCount
        else { return nil }
        self.cost = cost
        self.salt = salt
        self.key = key
    }

    private static func cost(_ text: Substring) -> Cost? {
        let values = text.split(separator: ",", omittingEmptySubsequences: false)
        let names = ["ln=", "r=", "p="]
        guard values.count == names.count else { return nil }
        var numbers: [Int] = []
        for (value, name) in zip(values, names) {
            guard value.hasPrefix(name), let number = Int(value.dropFirst(name.count)) else {
                return nil
            }
            numbers.append(number)
        }
        return Cost(logarithm: numbers[0], blockSize: numbers[1], parallelism: numbers[2])
    }

}

/// Compares secrets: the time that it takes tells their length, and nothing of what they are.
public func isEqualInConstantTime(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
