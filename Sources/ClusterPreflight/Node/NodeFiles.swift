package import LinuxIO

/// The files of a node, which may be mounted below a directory of a pod, such as `/host`.
///
/// Symbolic links are followed below that directory, also those with an absolute target, so that a node's link never
/// leads to a file of the pod. Only regular files are read, and only up to a limit.
package struct NodeFiles: Sendable {
    /// The longest configuration that is read, in bytes.
    package static let sizeLimit = 1 << 20
    /// The most links in a path.
    private static let linkLimit = 40
    /// The most names of a directory that count.
    private static let nameLimit = 4096

    /// The directory that stands for `/`, without a slash at its end; empty for this machine itself.
    private let root: String

    /// The node whose root directory is `root`.
    package init(root: String = "/") {
        var root = root[...]
        while root.hasSuffix("/") { root.removeLast() }
        self.root = String(root)
    }

    /// Where this process finds the node's `path`; nil if it does not exist, or has too many links.
    package func place(of path: String) -> String? {
        var pending = Array(path.split(separator: "/").reversed())
        var place: [Substring] = []
        var links = 0
        while let part = pending.popLast() {
            switch part {
            case ".": continue
            case "..":
                _ = place.popLast()
                continue
            default: break
            }
            let next = full(place + [part])
            guard let target = try? Files.target(ofLink: next) else {
                place.append(part)
                continue
            }
            links += 1
            guard links <= Self.linkLimit else { return nil }
            if target.hasPrefix("/") { place = [] }
            pending += target.split(separator: "/").map { Substring(String($0)) }.reversed()
        }
        let found = full(place)
        return Files.exists(found) ? found : nil
    }

    private func full(_ parts: [Substring]) -> String { root + "/" + parts.joined(separator: "/") }

    func exists(_ path: String) -> Bool { place(of: path) != nil }

    func isExecutable(_ path: String) -> Bool { place(of: path).map(Files.isExecutable) ?? false }

    /// A configuration file; nil if it does not exist.
    ///
    /// - Throws: `FileError` if it cannot be read, is too large or not a regular file.
    package func read(_ path: String, limit: Int = NodeFiles.sizeLimit) throws(FileError) -> [UInt8]? {
        guard let place = place(of: path), let slash = place.lastIndex(of: "/") else { return nil }
        let directory: Directory
        do throws(SystemCallError) {
            directory = try Directory.at(Files.parent(of: place))
        } catch {
            throw .refused(error)
        }
        return try directory.read(String(place[place.index(after: slash)...]), limit: limit)
    }

    /// The text of a file, such as one of /proc; empty if it cannot be read.
    package func text(_ path: String) -> String {
        ((try? read(path)) ?? nil).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// The names in a directory, sorted; empty if it cannot be read.
    package func names(in path: String) -> [String] {
        guard let place = place(of: path) else { return [] }
        return Array(((try? Files.list(place)) ?? []).prefix(Self.nameLimit))
    }

    /// The files whose names match `pattern`, which may have `*` in its last part.
    func matches(_ pattern: String) -> [String] {
        guard pattern.contains("*"), let slash = pattern.lastIndex(of: "/") else { return [pattern] }
        let directory = String(pattern[..<slash])
        let name = String(pattern[pattern.index(after: slash)...])
        return names(in: directory).filter { Self.matches($0, name) }.map { "\(directory)/\($0)" }
    }

    /// Whether `text` matches a pattern in which `*` stands for any characters.
    static func matches(_ text: String, _ pattern: String) -> Bool {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count > 1, let first = parts.first, let last = parts.last else { return text == pattern }
        guard text.hasPrefix(first) else { return false }
        var rest = text.dropFirst(first.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let found = rest.firstRange(of: part) else { return false }
            rest = rest[found.upperBound...]
        }
        return rest.hasSuffix(last)
    }
}

/// The part of a node's configuration that a check needs, or why there is none.
enum Reading<Value> {
    case found(Value)
    case missing
    /// A sentence about the file and its fault.
    case unreadable(String)
}
