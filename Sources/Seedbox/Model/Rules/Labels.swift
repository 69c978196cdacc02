/// What users call torrents by.
enum Labels {
    /// Each once, in the order given. A label is one line of text, without a comma: lists of them
    /// are written with commas.
    static func checked(_ labels: [String]) throws(SeedboxError) -> [String] {
        var kept: [String] = []
        for label in labels where !kept.contains(label) {
            guard isName(label), !label.contains(",") else {
                throw .badValue(
                    field: "labels",
                    reason: "a label has 1 to \(Limits.labelBytesMax) bytes in one line, "
                        + "and no comma")
            }
            kept.append(label)
        }
        guard kept.count <= Limits.labelsMax else {
            throw .badValue(field: "labels", reason: "more than \(Limits.labelsMax)")
        }
        return kept
    }

    /// Also of categories and groups.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= Limits.labelBytesMax
            && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
    }
}
