import HTTPTypes

/// Finds the route of a request among those of all adapters.
struct Router: Sendable {
    /// A class, as routes are large: to look at one is not to copy it.
    private final class Entry: Sendable {
        let segments: [Segment]
        let parameterCount: Int
        let route: Route

        init(_ route: Route) {
            segments = route.pattern.split(separator: "/").map { part in
                part.hasPrefix("{") && part.hasSuffix("}")
                    ? Segment.parameter(String(part.dropFirst().dropLast())) : .word(String(part))
            }
            parameterCount = segments.count {
                if case .parameter = $0 { true } else { false }
            }
            self.route = route
        }

        func fits(_ path: [String]) -> Bool {
            for index in segments.indices {
                if case .word(let word) = segments[index], word != path[index] { return false }
            }
            return true
        }

        func parameters(of path: [String]) -> [String: String] {
            var parameters: [String: String] = [:]
            for (segment, text) in zip(segments, path) {
                if case .parameter(let name) = segment { parameters[name] = text }
            }
            return parameters
        }
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

    /// By the number of their segments; those with fewer parameters come first.
    private let entries: [Int: [Entry]]

    init(_ routes: [Route]) {
        entries = Dictionary(grouping: routes.map(Entry.init), by: \.segments.count)
            .mapValues { $0.sorted { $0.parameterCount < $1.parameterCount } }
    }

    /// A route whose segments are words is preferred to one with a parameter in that place. What
    /// is asked with HEAD is what is asked with GET.
    func match(_ method: HTTPRequest.Method, _ segments: [String]) -> Match {
        let candidates = entries[segments.count] ?? []
        guard let first = candidates.first(where: { $0.fits(segments) }) else { return .nothing }
        let fewest = first.parameterCount
        let wanted = method == .head ? .get : method
        var others: [HTTPRequest.Method] = []
        for entry in candidates where entry.parameterCount == fewest && entry.fits(segments) {
            if entry.route.method == wanted {
                return .route(entry.route, parameters: entry.parameters(of: segments))
            }
            others.append(entry.route.method)
        }
        return .otherMethods(others)
    }
}
