internal import Encoding
internal import LinuxIO

/// Settings by the names of their environment variables, in a file or in a directory.
///
/// A file has lines `NAME=VALUE`, as systemd's EnvironmentFile. Empty lines and lines that begin with `#` or `;` do not
/// count. A value may be in single or double quotes. A directory has a file for each variable, as a mounted ConfigMap;
/// one newline at a file's end does not count. Other names in the directory do not count.
enum SettingsFile {
    /// The longest file, and the longest value in a directory, in bytes.
    private static let sizeLimit = 256 << 10
    /// The most names in a directory.
    private static let nameLimit = 1000

    /// The variables in the file or directory at `path`.
    ///
    /// - Throws: `ConfigurationError` with a sentence for each problem.
    static func read(_ path: String) throws(ConfigurationError) -> [String: String] {
        guard Files.isDirectory(path) else { return try parse(try text(of: path), path) }
        var variables: [String: String] = [:]
        for name in try names(in: path) where Identifier.isValid(name) {
            let text = try text(of: "\(path)/\(name)")
            variables[name] = text.hasSuffix("\n") ? String(text.dropLast()) : text
        }
        return variables
    }

    private static func names(in path: String) throws(ConfigurationError) -> [String] {
        let names: [String]
        do { names = try Files.list(path) } catch { throw ConfigurationError("the settings cannot be read: \(error)") }
        guard names.count <= nameLimit else {
            throw ConfigurationError(
                "the directory \(path) has more than \(nameLimit) entries: name the one with settings")
        }
        return names
    }

    private static func text(of path: String) throws(ConfigurationError) -> String {
        let bytes: [UInt8]
        do {
            bytes = try DurableFile.read(path, limit: sizeLimit)
        } catch {
            throw ConfigurationError("the settings cannot be read: \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self), !text.contains("\0") else {
            throw ConfigurationError("the file \(path) is not text in UTF-8")
        }
        return text
    }

    /// The variables in lines of text. `path` is for messages.
    static func parse(_ text: String, _ path: String) throws(ConfigurationError) -> [String: String] {
        var variables: [String: String] = [:]
        var problems: [String] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = trimmed(line)
            guard let first = line.first, first != "#", first != ";" else { continue }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = trimmed(parts[0])
            guard parts.count == 2, Identifier.isValid(name) else {
                problems.append("line \(index + 1) of \(path) is not NAME=VALUE")
                continue
            }
            variables[String(name)] = unquoted(trimmed(parts[1]))
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return variables
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return start[...end]
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, let quote = text.first, quote == "\"" || quote == "'", text.last == quote else {
            return String(text)
        }
        return String(text.dropFirst().dropLast())
    }
}
