/// Why a call is not done. The old dialect tells the text; JSON-RPC a code, too.
struct RPCFailure: Error, Hashable {
    enum Code: Int, Sendable {
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParameters = -32602
        case invalidTrackers = 2
        case pathNotAbsolute = 3
        case unrecognizedInfo = 4
        case systemError = 5
        case fileOutOfRange = 6

        /// What the code means, as the specification puts it.
        var message: String {
            switch self {
            case .invalidRequest: "Invalid Request"
            case .methodNotFound: "Method not found"
            case .invalidParameters: "Invalid params"
            case .invalidTrackers: "Invalid tracker list"
            case .pathNotAbsolute: "path is not absolute"
            case .unrecognizedInfo: "unrecognized info"
            case .systemError: "system error"
            case .fileOutOfRange: "file index out of range"
            }
        }
    }

    let code: Code
    let text: String

    init(_ code: Code, _ text: String) {
        self.code = code
        self.text = text
    }

    init(_ error: SeedboxError) {
        switch error {
        case .noSuchFile: code = .fileOutOfRange
        case .badSource: code = .unrecognizedInfo
        case .storage, .stopping: code = .systemError
        default: code = .invalidParameters
        }
        text = "\(error)"
    }

    /// An argument whose value cannot be used.
    static func bad(_ name: String, _ reason: String) -> RPCFailure {
        RPCFailure(.invalidParameters, "\(name): \(reason)")
    }
}
