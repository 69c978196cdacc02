/// The rules of all torrents, thousands of which say nothing themselves.
struct SeedingRules {
    private let categories: [String: SeedingLimits]
    private let everybody: SeedingLimits
    /// Of torrents without limits of their own.
    private let inherited: SeedingRule
    private let inheritedByCategory: [String: SeedingRule]

    init(categories: [String: SeedingLimits], everybody: SeedingLimits) {
        self.categories = categories
        self.everybody = everybody
        inherited = SeedingRule([everybody])
        inheritedByCategory = categories.mapValues { SeedingRule([$0, everybody]) }
    }

    func rule(_ own: SeedingLimits, category: String?) -> SeedingRule {
        guard own == SeedingLimits() else {
            let levels = [own, category.flatMap { categories[$0] }, everybody]
            return SeedingRule(levels.compactMap(\.self))
        }
        return category.flatMap { inheritedByCategory[$0] } ?? inherited
    }
}
