/// Why the text of an option's value cannot be read, and how it should be written.
public enum ValueFault: Error, Equatable, Sendable, CustomStringConvertible {
    case notASize
    case notARate
    case ambiguousBits(String)
    case notAnInterval
    case notARatio
    case outOfRange
    case notAFileList
    case reversedRange(String)
    case notAHostAndPort
    case badPort(String)
    case bareIPv6
    case notAVersion
    case notADate
    case notAnIPAddress
    case notAnID
    case notAnInfoHash
    case notAKey

    public var description: String {
        switch self {
        case .notASize: "write a size as 512k, 10M, 10MiB or 1.5G"
        case .notARate: "write a rate as 500k, 10M, 5MB/s or 80mbit, or none for no limit"
        case .ambiguousBits(let unit):
            "\(unit) may mean bits or bytes; write \(unit.prefix(1))bit or \(unit.prefix(1))iB"
        case .notAnInterval: "write a length of time as 90s, 5m, 2h, 1d or 1h30m"
        case .notARatio: "write a ratio as 1.5"
        case .outOfRange: "it is out of range"
        case .notAFileList: "write file numbers as 1-3,7"
        case .reversedRange(let range): "\(range) runs backwards"
        case .notAHostAndPort: "write HOST:PORT, as in 192.0.2.1:6881"
        case .badPort(let port): "\(port) is not a port; ports are 1 to 65535"
        case .bareIPv6: "write an IPv6 address in brackets, as in [2001:db8::1]:6881"
        case .notAVersion: "write v1, v2 or hybrid"
        case .notADate: "write now, none, or seconds since 1970"
        case .notAnID: "write 40 hexadecimal digits"
        case .notAnInfoHash: "write 40 hexadecimal digits, or 64 for version 2"
        case .notAKey: "write a public key as 64 hexadecimal digits"
        case .notAnIPAddress: "write an IP address of this machine, as in 192.0.2.1 or 2001:db8::1"
        }
    }
}
