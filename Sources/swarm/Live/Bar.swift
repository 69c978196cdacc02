/// A bar of a fixed width, filled to an eighth of a column where Unicode is allowed.
enum Bar {
    static func line(_ part: Int64, of whole: Int64, width: Int, isUnicode: Bool) -> StyledLine {
        var line = StyledLine()
        guard width > 0 else { return line }
        let eighths = Int(permille(part, of: whole)) * width * 8 / 1000
        let full = isUnicode ? eighths / 8 : eighths / 8
        line.append(String(repeating: isUnicode ? "█" : "#", count: full), .good)
        guard full < width else { return line }
        let steps: [String] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        let partial = isUnicode ? steps[eighths % 8] : ""
        line.append(partial, .good)
        let left = width - full - (partial.isEmpty ? 0 : 1)
        line.append(String(repeating: isUnicode ? "░" : "-", count: left), .dim)
        return line
    }
}
