import Glibc
import Units

/// What is wrong with the local address: a port that cannot be had says nothing of it.
func bindFault(of network: Settings.Network) -> SeedboxError? {
    guard let text = network.bind, let address = Endpoint(addressText: text, port: 0),
        Doctor.bind(address, SOCK_DGRAM) == EADDRNOTAVAIL
    else { return nil }
    return .badValue(field: "network.bind", reason: "\(text) is no address of this machine")
}
