import FoundationEssentials
import Hashing
import JSONText
import Metainfo

extension TransmissionRPC {
    func torrentAdd(
        _ arguments: RPCArguments, _ spelling: Spelling
    ) async throws(RPCFailure) -> JSON {
        var request = AddRequest(try source(arguments))
        if arguments["download_dir"] != "" { request.folder = try arguments.path("download_dir") }
        request.startsPaused = try arguments.flag("paused")
        if let labels = try arguments.texts("labels", countMax: Limits.rpcLabelsMax) {
            (request.category, request.labels) = split(labels)
        }
        if let peers = try arguments.integer("peer_limit", in: 0...Int64(Int32.max)) {
            request.peersMax = Int(peers)
        }
        request.priority = try arguments.priority() ?? .normal
        request.isSequential = try arguments.flag("sequential_download") ?? false
        try takeFiles(arguments, into: &request)
        let asked = request
        let added = try await command { seedbox throws(SeedboxError) in
            try await seedbox.add(asked)
        }
        guard let row = seedbox.catalogue.row(added.id) else {
            throw RPCFailure(SeedboxError.noSuchTorrent("\(added.id.rawValue)"))
        }
        let torrent: JSON = [
            spelling.name("hashString"): .string("\(row.infoHash.primary)"),
            "id": .integer(row.id.rawValue), "name": .string(row.name),
        ]
        return .object([
            (spelling.name(added.isNew ? "torrent-added" : "torrent-duplicate"), torrent)
        ])
    }

    private func source(_ arguments: RPCArguments) throws(RPCFailure) -> AddRequest.Source {
        if let text = try arguments.text("metainfo"), !text.isEmpty {
            guard let data = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else {
                throw RPCFailure(.unrecognizedInfo, "metainfo: is not base64")
            }
            return .manifest(Array(data))
        }
        guard let name = try arguments.text("filename"), !name.isEmpty else {
            throw .bad("filename", "no filename or metainfo specified")
        }
        let scheme = name.prefix { $0 != ":" }.lowercased()
        if ["http", "https"].contains(scheme) {
            guard arguments["cookies"] == nil else {
                throw .bad("cookies", "are not sent; give the .torrent itself as metainfo")
            }
            return .url(name)
        }
        let isHash = [40, 64].contains(name.utf8.count) && name.allSatisfy(\.isHexDigit)
        guard isHash || scheme == "magnet" else {
            throw .bad("filename", "'\(name.prefix(80))' is neither a link nor an info-hash")
        }
        return .link(name)
    }

    private func takeFiles(
        _ arguments: RPCArguments, into request: inout AddRequest
    ) throws(RPCFailure) {
        guard arguments.namesFiles else { return }
        guard case .manifest(let bytes) = request.source else {
            throw .bad("files-wanted", "the files are known only once the torrent is there")
        }
        let count: Int
        do {
            count = try Metainfo(bytes).layout.files.count { !$0.isPad }
        } catch {
            throw RPCFailure(.unrecognizedInfo, "metainfo: \(error)")
        }
        let choice = try arguments.fileChoice(of: count)
        if !choice.wanted.isEmpty {
            // Files of which nothing is said are wanted, as they are in Transmission.
            request.wantedFiles = Set((0..<count).filter { choice.wanted[$0] ?? true })
        }
        request.filePriorities = choice.priorities
    }
}
