/// A size in IEC units: `0 B`, `1023 B`, `1.5 KiB`, `512 MiB`.
public func sizeText(_ bytes: Int64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    let magnitude = bytes.magnitude
    guard magnitude >= 1024 else { return "\(bytes) B" }
    var unit = 0
    var shift = UInt64(10)
    // Rounding may carry into the next unit: 1023.96 KiB is 1.0 MiB.
    while unit < units.count - 1, roundedTenths(magnitude, shift: shift) >= 10240 {
        unit += 1
        shift += 10
    }
    let tenths = roundedTenths(magnitude, shift: shift)
    let number = tenths >= 1000 ? "\((tenths + 5) / 10)" : "\(tenths / 10).\(tenths % 10)"
    return "\(bytes < 0 ? "-" : "")\(number) \(units[unit])"
}

/// Tenths of the unit of 2^shift bytes, rounded to the nearest.
private func roundedTenths(_ magnitude: UInt64, shift: UInt64) -> UInt64 {
    let whole = magnitude >> shift
    let rest = magnitude & ((1 << shift) - 1)
    // The rest is less than 2^60, so that ten times it fits.
    return whole * 10 + ((rest * 10 + (1 << (shift - 1))) >> shift)
}
