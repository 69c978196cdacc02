import HTTPTypes

/// Finds the route of a request among those of all adapters.
struct Router: Sendable {
    private struct Entry: Sendable {
        let segments: [Segment]
        let route: Route
    }

    private enum Segment: Sendable {
        case word(String)
        case parameter(String)
    }

    enum Match: Sendable {
        case route(Route, parameters: [String: String])
        /// There is something, but not for this method.
        case otherMethods([HTTPRequest.Method])
        case nothing
    }

    private let entries: [Int: [Entry]]

    init(_ routes: [Route]) {
        var entries: [Int: [Entry]] = [:]
        for route in routes {
            let segments = route.pattern.split(separator: "/").map { part in
                part.hasPrefix("{") && part.hasSuffix("}")
                    ? Segment.parameter(String(part.dropFirst().dropLast())) : .word(String(part))
            }
            entries[segments.count, default: []].append(Entry(segments: segments, route: route))
        }
        self.entries = entries
    }

    /// A route whose segments are words is preferred to one with a parameter in that place. What
    /// is asked with HEAD is what is asked with GET.
    func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Match {
        var found: [(entry: Entry, parameters: [String: String])] = []
        for entry in entries[segments.count] ?? [] {
            guard let parameters = Self.parameters(of: entry, segments) else { continue }
            found.append((entry, parameters))
        }
        guard let fewest = found.map(\.parameters.count).min() else { return .nothing }
        found.removeAll { $0.parameters.count > fewest }
        let wanted = method == .head ? .get : method
        for candidate in [method, wanted] {
            if let hit = found.first(where: { $0.entry.route.method == candidate }) {
                return .route(hit.entry.route, parameters: hit.parameters)
            }
        }
        return .otherMethods(found.map(\.entry.route.method))
    }

    private static func parameters(of entry: Entry, _ segments: [String]) -> [String: String]? {
        var parameters: [String: String] = [:]
        for (expected, segment) in zip(entry.segments, segments) {
            switch expected {
            case .word(let word): if word != segment { return nil }
            case .parameter(let name): parameters[name] = segment
            }
        }
        return parameters
    }
}
