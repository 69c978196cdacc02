import Units

extension RoutingTable {
    /// A node of the table, in 48 bytes.
    struct Entry: Sendable {
        let id: NodeID
        /// When we last heard of it, in seconds of its owner's clock.
        var heardAt: UInt32
        let endpoint: Endpoint
        /// Milliseconds; `.max` if not known.
        var roundTrip: UInt16
        /// Queries in a row that it did not answer.
        var failures: UInt8
        private var traits: UInt8

        private static let secure: UInt8 = 1
        private static let restored: UInt8 = 2
        private static let tried: UInt8 = 4

        init(_ contact: NodeContact, roundTrip: Interval?, isSecure: Bool, now: Instant) {
            self.id = contact.id
            self.endpoint = contact.endpoint
            self.heardAt = Self.seconds(now)
            self.roundTrip = Self.milliseconds(roundTrip)
            self.failures = 0
            self.traits = isSecure ? Self.secure : 0
        }

        init(restored contact: NodeContact, isSecure: Bool) {
            self.id = contact.id
            self.endpoint = contact.endpoint
            self.heardAt = 0
            self.roundTrip = .max
            self.failures = 0
            self.traits = (isSecure ? Self.secure : 0) | Self.restored
        }

        var contact: NodeContact { NodeContact(id: id, endpoint: endpoint) }
        var isSecure: Bool { traits & Self.secure != 0 }
        /// From an earlier run, and not heard of in this one.
        var isRestored: Bool { traits & Self.restored != 0 }
        /// Asked whether it is there, and still to answer.
        var isBeingTried: Bool {
            get { traits & Self.tried != 0 }
            set { traits = newValue ? traits | Self.tried : traits & ~Self.tried }
        }
        var isGood: Bool { failures == 0 && traits & Self.restored == 0 }

        func isUsable(for purpose: Purpose) -> Bool {
            switch purpose {
            case .reply: isGood
            case .ourLookup: failures < Limits.failuresBeforeReplacement
            }
        }

        mutating func answered(roundTrip: Interval?, now: Instant) {
            heardAt = Self.seconds(now)
            failures = 0
            traits &= ~(Self.restored | Self.tried)
            guard let roundTrip else { return }
            let measured = UInt32(Self.milliseconds(roundTrip))
            let known = UInt32(self.roundTrip)
            let mean = self.roundTrip == .max ? measured : (known * 3 + measured) / 4
            self.roundTrip = UInt16(clamping: mean)
        }

        /// Seconds for which nothing was heard of it; without end for one of an earlier run.
        func silence(now: Instant) -> Int64 {
            if isRestored { return .max }
            return Int64(Self.seconds(now)).subtractingSaturating(Int64(heardAt))
        }

        /// The same id, or the same address. On local networks many nodes share an address.
        func sharesIdentity(with contact: NodeContact) -> Bool {
            if id == contact.id { return true }
            guard endpoint.high == contact.endpoint.high, endpoint.low == contact.endpoint.low
            else { return false }
            return !endpoint.isLocal || endpoint.port == contact.endpoint.port
        }

        static func seconds(_ instant: Instant) -> UInt32 {
            UInt32(clamping: instant.nanoseconds / 1_000_000_000)
        }

        private static func milliseconds(_ interval: Interval?) -> UInt16 {
            guard let interval else { return .max }
            return UInt16(clamping: min(max(interval.nanoseconds / 1_000_000, 0), 65_534))
        }
    }

    /// The nearest entries so far, in place.
    struct Nearest {
        let target: NodeID
        let wanted: Int
        /// Only those whose ids agree with their addresses, or only the others.
        let isSecure: Bool
        /// What is farther than that does not count.
        let bound: UInt64
        private(set) var count = 0
        private var isBeyondBound = false
        /// The distance's upper 64 bits, which decide but for ties.
        private var keys = InlineArray<16, UInt64>(repeating: 0)
        private(set) var places = InlineArray<16, UInt16>(repeating: 0)

        init(target: NodeID, count: Int, isSecure: Bool, bound: UInt64 = .max) {
            self.target = target
            self.wanted = min(count, Limits.closestMax)
            self.isSecure = isSecure
            self.bound = bound
        }

        var isFull: Bool { count == wanted }
        var isDone: Bool { isFull || isBeyondBound }
        /// The distance of the farthest, if there are as many as are wanted.
        var reach: UInt64 { isFull && wanted > 0 ? keys[wanted - 1] : .max }

        /// Considers entries that lie in the order of their ids and share their first `bits` bits:
        /// of many first the half where the target is, as all of the other are farther. They are
        /// all farther than those that were added before, so what is there keeps its place.
        mutating func add(
            _ range: Range<Int>, sharing bits: Int, _ prefixes: UnsafeBufferPointer<UInt64>,
            _ entries: UnsafeBufferPointer<Entry>, _ purpose: Purpose
        ) {
            guard range.count > Limits.bucketSize, bits < 64 else {
                return consider(range, above: count, prefixes, entries, purpose)
            }
            let mask: UInt64 = 1 << UInt64(63 - bits)
            var (low, high) = (range.lowerBound, range.upperBound)
            while low < high {
                let middle = (low + high) / 2
                if prefixes[middle] & mask == 0 { low = middle + 1 } else { high = middle }
            }
            let (zeros, ones) = (range.lowerBound..<low, low..<range.upperBound)
            let isZero = target.high & mask == 0
            add(isZero ? zeros : ones, sharing: bits + 1, prefixes, entries, purpose)
            guard !isDone else { return }
            add(isZero ? ones : zeros, sharing: bits + 1, prefixes, entries, purpose)
        }

        private mutating func consider(
            _ range: Range<Int>, above floor: Int, _ prefixes: UnsafeBufferPointer<UInt64>,
            _ entries: UnsafeBufferPointer<Entry>, _ purpose: Purpose
        ) {
            var isBeyond = !range.isEmpty
            for place in range {
                let key = prefixes[place] ^ target.high
                guard key <= bound else { continue }
                isBeyond = false
                guard entries[place].isSecure == isSecure, entries[place].isUsable(for: purpose)
                else { continue }
                if isFull {
                    guard count > floor, !isFarther(key, place, than: count - 1, entries) else {
                        continue
                    }
                } else {
                    count += 1
                }
                insert(key, place, above: floor, entries)
            }
            isBeyondBound = isBeyondBound || isBeyond
        }

        @inline(__always)
        private mutating func insert(
            _ key: UInt64, _ place: Int, above floor: Int, _ entries: UnsafeBufferPointer<Entry>
        ) {
            var hole = count - 1
            while hole > floor, !isFarther(key, place, than: hole - 1, entries) {
                keys[hole] = keys[hole - 1]
                places[hole] = places[hole - 1]
                hole -= 1
            }
            keys[hole] = key
            places[hole] = UInt16(truncatingIfNeeded: place)
        }

        @inline(__always)
        private func isFarther(
            _ key: UInt64, _ place: Int, than other: Int, _ entries: UnsafeBufferPointer<Entry>
        ) -> Bool {
            if key != keys[other] { return key > keys[other] }
            let id = entries[Int(places[other])].id
            return !entries[place].id.isCloser(to: target, than: id)
        }
    }
}

extension Endpoint {
    /// What is likely in one hand: a /24 of IPv4, a /64 of IPv6.
    var network: UInt64 {
        if let ipv4 { return UInt64(ipv4 >> 8) }
        return high
    }
}
