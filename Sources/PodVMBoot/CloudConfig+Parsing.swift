internal import TextFormats

extension CloudConfig {
    /// Reads a text that this module or the Go adaptor wrote, and no other features of cloud-init.
    ///
    /// Throws ``BootError`` for a text that does not begin with the line `#cloud-config`, for a key other than
    /// `write_files`, `path` and `content`, for a duplicate key or path, and for YAML with aliases, anchors or tags.
    public init(parsing bytes: [UInt8]) throws(BootError) {
        guard bytes.count <= Self.sizeLimit else {
            throw BootError(
                .tooLarge, "user data", "\(bytes.count) bytes, more than the \(Self.sizeLimit) allowed",
                advice: "make the user data smaller")
        }
        guard bytes.starts(with: "\(Self.firstLine)\n".utf8) else {
            throw BootError(
                .malformed, "user data", "its first line is not \(Self.firstLine), so it is not a cloud-config",
                advice: "check that a cloud-api-adaptor has made the VM")
        }
        do throws(TextFormatError) {
            var parser = CloudConfigParser(bytes)
            files = try parser.config()
        } catch {
            throw BootError(
                .malformed, "user data", "line \(error.line): \(error.reason)",
                advice: "the guest accepts only write_files, a list of files with path and content")
        }
    }
}

/// Parses the only supported structure of a document by recursive descent through its events.
private struct CloudConfigParser: ~Copyable {
    private var reader: YAMLReader

    init(_ bytes: [UInt8]) { reader = YAMLReader(bytes) }

    mutating func config() throws(TextFormatError) -> [CloudConfig.File] {
        try expect(.streamStart, or: "expected a document")
        try expect(.documentStart, or: "expected write_files")
        try expect(.mappingStart, or: "expected write_files")
        var files: [CloudConfig.File]?
        while let key = try nextKey() {
            guard key == "write_files" else { throw unknownKey }
            guard files == nil else { throw error("write_files occurs twice") }
            files = try fileList()
        }
        guard let files else { throw error("expected write_files") }
        try expect(.documentEnd, or: "expected the end")
        try expect(.streamEnd, or: "expected the end, found another document")
        return files
    }

    private mutating func fileList() throws(TextFormatError) -> [CloudConfig.File] {
        let start = try reader.next()
        if case .scalar(let text, isPlain: true) = start, Self.isNull(text) { return [] }
        guard start == .sequenceStart else { throw error("expected a list of files") }
        var files: [CloudConfig.File] = []
        var paths: Set<String> = []
        while true {
            switch try reader.next() {
            case .sequenceEnd: return files
            case .mappingStart:
                let file = try file()
                guard paths.insert(file.path).inserted else { throw error("the path of another file occurs again") }
                files.append(file)
            default: throw error("expected a file with path and content")
            }
        }
    }

    private mutating func file() throws(TextFormatError) -> CloudConfig.File {
        var path: String?
        var content: String?
        while let key = try nextKey() {
            switch key {
            case "path":
                guard path == nil else { throw error("path occurs twice") }
                path = try text()
            case "content":
                guard content == nil else { throw error("content occurs twice") }
                content = try text()
            default: throw unknownKey
            }
        }
        guard let path, !path.isEmpty else { throw error("a file has no path") }
        return CloudConfig.File(path: path, content: content ?? "")
    }

    /// The next key of a mapping; nil at the end of the mapping.
    private mutating func nextKey() throws(TextFormatError) -> String? {
        switch try reader.next() {
        case .mappingEnd: return nil
        case .scalar(let key, _): return key
        default: throw error("expected a key")
        }
    }

    private mutating func text() throws(TextFormatError) -> String {
        guard case .scalar(let text, let isPlain) = try reader.next() else { throw error("expected text") }
        return isPlain && Self.isNull(text) ? "" : text
    }

    private mutating func expect(_ event: YAMLReader.Event, or reason: String) throws(TextFormatError) {
        guard try reader.next() == event else { throw error(reason) }
    }

    private func error(_ reason: String) -> TextFormatError { TextFormatError(line: reader.line, reason: reason) }

    /// The error does not contain the key: content without its indentation is read as keys, and content may be secret.
    private var unknownKey: TextFormatError { error("unknown key") }

    /// The plain scalars that mean null (YAML 1.1, tag null).
    private static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }
}
