import Glibc
import Simulator
import Terminal

/// The scenarios of a folder.
struct ScenarioFiles {
    /// No scenario is as long; something else was named.
    private static let byteCountMax = 64 * 1024
    private static let ending = ".scenario"

    let folder: String

    init(folder: String) { self.folder = folder }

    /// Without folder and ending, in order.
    func names() throws(Failure) -> [String] {
        guard let directory = opendir(folder) else { throw unreadable(folder) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(Self.ending) {
                names.append(String(name.dropLast(Self.ending.count)))
            }
        }
        return names.sorted()
    }

    /// By a name of the folder, or the path of a file.
    func scenario(named name: String) throws(Failure) -> Scenario {
        let isPath = name.contains("/") || name.hasSuffix(Self.ending)
        let path = isPath ? name : "\(folder)/\(name)\(Self.ending)"
        let bytes = try content(of: path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.unreadableSource, path, "not UTF-8 text")
        }
        do {
            return try Scenario(parsing: text)
        } catch {
            let place = error.line == 0 ? path : "\(path):\(error.line)"
            throw Failure(.unreadableSource, place, error.text)
        }
    }

    private func content(of path: String) throws(Failure) -> [UInt8] {
        guard let file = fopen(path, "r") else { throw unreadable(path) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.byteCountMax + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw unreadable(path) }
        guard count <= Self.byteCountMax else {
            throw Failure(.unreadableSource, path, "too long for a scenario")
        }
        return Array(bytes.prefix(count))
    }

    private func unreadable(_ path: String) -> Failure {
        Failure(.unreadableSource, path, errno: errno)
    }
}
