/// The part of cloud-init's cloud-config that pod VMs support: files to write, with path and content.
///
///     #cloud-config
///
///     write_files:
///       - path: /run/peerpod/apf.json
///         content: |
///           {
///           …
///
/// The guest has a strict parser of its own instead of cloud-init's, so no other keys are allowed.
public struct CloudConfig: Equatable, Sendable {
    /// One file of `write_files`.
    public struct File: Equatable, Sendable {
        /// The path in the guest.
        public var path: String
        /// The content. The file always ends with a newline, also if the content does not, unless the content is empty.
        public var content: String

        /// Makes a file.
        public init(path: String, content: String) {
            self.path = path
            self.content = content
        }
    }

    /// The files in the order of writing.
    public var files: [File]

    /// The limit of the text, in bytes. User data has at most 48 KiB; a configuration disk may have more.
    public static let sizeLimit = 256 << 10
    /// The first line of each text.
    static let firstLine = "#cloud-config"

    /// Makes a configuration that writes these files.
    public init(files: [File]) { self.files = files }

    /// The text that the guests of this adaptor and of the Go adaptor can read.
    ///
    /// Throws ``BootError`` for content that a YAML block would change: an indented first line, control characters, and
    /// line breaks other than `\n`. Throws it also for a path with characters that are not plain.
    public func encoded() throws(BootError) -> [UInt8] {
        var text = "\(Self.firstLine)\n\nwrite_files:\n"
        for file in files {
            try Self.check(file)
            text += "  - path: \(file.path)\n"
            guard !file.content.isEmpty else { continue }
            text += "    content: |\n"
            // The YAML block adds one newline at the end.
            let content = file.content.utf8.last == UInt8(ascii: "\n") ? file.content.dropLast() : file.content[...]
            for line in content.split(separator: "\n" as Character, omittingEmptySubsequences: false) {
                text += "      \(line)\n"
            }
        }
        return Array(text.utf8)
    }

    private static func check(_ file: File) throws(BootError) {
        guard file.path.hasPrefix("/"), file.path.utf8.allSatisfy(\.isPlainInPath) else {
            throw BootError(
                .malformed, "user data", "the path \(file.path.debugDescription) cannot be written as plain YAML",
                advice: "use an absolute path of letters, digits, dots, dashes and underscores")
        }
        if let first = file.content.unicodeScalars.first(where: { $0 != "\n" }), first == " " || first == "\t" {
            throw BootError(
                .malformed, file.path, "its first line is indented, which a YAML block cannot carry",
                advice: "remove the spaces")
        }
        if file.content.unicodeScalars.contains(where: \.breaksBlock) {
            throw BootError(
                .malformed, file.path, "it has characters that a YAML block cannot carry (control characters, CR)",
                advice: "write it as plain text with \\n at the ends of lines")
        }
        if !file.content.isEmpty, !file.content.unicodeScalars.contains(where: { $0 != "\n" }) {
            throw BootError(.malformed, file.path, "it has only empty lines", advice: "leave it empty")
        }
    }
}

extension UInt8 {
    /// Whether a path with this byte needs no quotes in YAML and in messages.
    var isPlainInPath: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension Unicode.Scalar {
    /// Whether the character is not printable in YAML 1.1, or is a line break there.
    fileprivate var breaksBlock: Bool {
        switch value {
        case 0x09, 0x0A, 0x20...0x7E: false
        case 0..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
