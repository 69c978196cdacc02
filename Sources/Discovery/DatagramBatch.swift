import CLinux
import Glibc
import Transport
import Units

/// The memory with which datagrams are read and sent many at a time; it is used again and again.
final class DatagramBatch {
    private let headers: UnsafeMutablePointer<datagram_header>
    private let parts: UnsafeMutablePointer<iovec>
    private let addresses: UnsafeMutablePointer<sockaddr_in6>
    private let buffer: UnsafeMutableRawBufferPointer
    private let capacity = Limits.datagramsPerCall

    init() {
        headers = .allocate(capacity: capacity)
        headers.initialize(repeating: datagram_header(), count: capacity)
        parts = .allocate(capacity: capacity)
        parts.initialize(repeating: iovec(), count: capacity)
        addresses = .allocate(capacity: capacity)
        addresses.initialize(repeating: sockaddr_in6(), count: capacity)
        buffer = .allocate(
            byteCount: capacity * Limits.datagramByteCountMax, alignment: 16)
        for index in 0..<capacity {
            headers[index].message.msg_name = UnsafeMutableRawPointer(addresses + index)
            headers[index].message.msg_iov = parts + index
            headers[index].message.msg_iovlen = 1
        }
    }

    deinit {
        headers.deallocate()
        parts.deallocate()
        addresses.deallocate()
        buffer.deallocate()
    }

    /// What one look at a socket has brought.
    enum Reading: Equatable {
        /// So many datagrams; the socket may have more if they fill the batch.
        case datagrams(Int)
        case nothing
        /// An error that is over once it was read.
        case passing
        case broken(errno: Int32)
    }

    func read(from descriptor: Int32) -> Reading {
        for index in 0..<capacity {
            headers[index].message.msg_namelen = socklen_t(MemoryLayout<sockaddr_in6>.size)
            parts[index].iov_base = buffer.baseAddress.map {
                $0 + index * Limits.datagramByteCountMax
            }
            parts[index].iov_len = Limits.datagramByteCountMax
        }
        let count = recvmmsg(descriptor, headers, UInt32(capacity), 0, nil)
        if count >= 0 { return .datagrams(Int(count)) }
        switch errno {
        case EAGAIN: return .nothing
        case EINTR, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN, ENOBUFS, ENOMEM,
            EMSGSIZE, EPROTO, ENOPROTOOPT, EOPNOTSUPP, EACCES, EPERM:
            return .passing
        default: return .broken(errno: errno)
        }
    }

    /// A datagram that was read and who sent it; nil if it was longer than any of ours or came
    /// from nowhere. Valid until the next read.
    func datagram(_ index: Int) -> (bytes: UnsafeRawBufferPointer, sender: Endpoint)? {
        let message = headers[index].message
        guard message.msg_flags & Int32(MSG_TRUNC) == 0 else { return nil }
        let family = Int32(addresses[index].sin6_family)
        let address = UnsafeRawBufferPointer(
            start: addresses + index, count: min(Int(message.msg_namelen), 28))
        guard family == AF_INET || family == AF_INET6,
            let sender = Endpoint(socketAddress: address, isIPv4: family == AF_INET)
        else { return nil }
        let start = index * Limits.datagramByteCountMax
        let count = min(Int(headers[index].byte_count), Limits.datagramByteCountMax)
        return (UnsafeRawBufferPointer(rebasing: buffer[start..<start + count]), sender)
    }

    /// Sends the first of `datagrams`, whose bytes lie in `bytes`.
    ///
    /// - Returns: how many are done with. What the system refuses for itself, not for want of
    ///   room, is done with too, and lost.
    func send(
        _ datagrams: ArraySlice<DatagramQueue.Entry>, of bytes: UnsafeRawBufferPointer,
        to descriptor: Int32
    ) -> Int {
        let count = min(datagrams.count, capacity)
        for (index, entry) in datagrams.prefix(count).enumerated() {
            headers[index].message.msg_namelen = addresses[index].set(entry.destination)
            parts[index].iov_base = UnsafeMutableRawPointer(
                mutating: bytes.baseAddress.map { $0 + entry.start })
            parts[index].iov_len = entry.count
        }
        let sent = sendmmsg(descriptor, headers, UInt32(count), 0)
        if sent >= 0 { return Int(sent) }
        return errno == EAGAIN || errno == ENOBUFS || errno == EINTR ? 0 : 1
    }
}

extension sockaddr_in6 {
    /// Becomes the address, which for IPv4 is a `sockaddr_in` in the same place.
    ///
    /// - Returns: how long it is.
    mutating func set(_ endpoint: Endpoint) -> socklen_t {
        if let ipv4 = endpoint.ipv4 {
            return withUnsafeMutableBytes(of: &self) { bytes in
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = endpoint.port.bigEndian
                address.sin_addr.s_addr = ipv4.bigEndian
                bytes.storeBytes(of: address, as: sockaddr_in.self)
                return socklen_t(MemoryLayout<sockaddr_in>.size)
            }
        }
        sin6_family = sa_family_t(AF_INET6)
        sin6_port = endpoint.port.bigEndian
        sin6_flowinfo = 0
        sin6_scope_id = 0
        withUnsafeMutableBytes(of: &sin6_addr) { bytes in
            bytes.storeBytes(of: endpoint.high.bigEndian, as: UInt64.self)
            bytes.storeBytes(of: endpoint.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return socklen_t(MemoryLayout<sockaddr_in6>.size)
    }
}

/// Datagrams that wait to be sent, in one piece of memory that is used again.
struct DatagramQueue {
    struct Entry {
        let destination: Endpoint
        /// Where its bytes are in the queue's.
        let start: Int
        let count: Int
    }

    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    private var doneCount = 0

    var isEmpty: Bool { doneCount == entries.count }

    /// Adds a datagram, unless too many wait already.
    mutating func append(_ datagram: UnsafeRawBufferPointer, to destination: Endpoint) {
        guard bytes.count + datagram.count <= Limits.datagramBytesWaitingMax else { return }
        entries.append(
            Entry(destination: destination, start: bytes.count, count: datagram.count))
        bytes.append(contentsOf: datagram)
    }

    /// Sends what waits, as far as the system has room.
    mutating func send(to descriptor: Int32, by batch: DatagramBatch) {
        bytes.withUnsafeBytes { bytes in
            while doneCount < entries.count {
                let count = batch.send(entries[doneCount...], of: bytes, to: descriptor)
                guard count > 0 else { return }
                doneCount += count
            }
        }
        guard isEmpty else { return }
        removeAll()
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        doneCount = 0
    }
}
