/// The part of cloud-init's cloud-config that pod VMs know: files to write, by path and content.
///
///     #cloud-config
///
///     write_files:
///       - path: /run/peerpod/apf.json
///         content: |
///           {
///           …
///
/// The guest's parser is strict (cloud-init's own is not the one that reads it), so this is all that may be there.
public struct CloudConfig: Equatable, Sendable {
    /// One file of `write_files`.
    public struct File: Equatable, Sendable {
        /// Where it goes in the guest.
        public var path: String
        /// What is in it; written with a newline at the end, with or without one here, unless it is empty.
        public var content: String

        /// A file.
        public init(path: String, content: String) {
            self.path = path
            self.content = content
        }
    }

    /// The files in the order in which they are written.
    public var files: [File]

    /// The longest text read, in bytes. User data brings no more than 48 KiB; a configuration disk may bring more.
    public static let sizeLimit = 256 << 10
    /// What the text must begin with.
    static let firstLine = "#cloud-config"

    /// A configuration that writes these files.
    public init(files: [File]) { self.files = files }

    /// The text that the guest of either adaptor reads.
    ///
    /// Throws ``BootError`` for what does not survive a YAML block: content whose first line is indented, control
    /// characters, line breaks other than `\n`; and for a path of other than plain characters.
    public func encoded() throws(BootError) -> [UInt8] {
        var text = "\(Self.firstLine)\n\nwrite_files:\n"
        for file in files {
            try Self.check(file)
            text += "  - path: \(file.path)\n"
            guard !file.content.isEmpty else { continue }
            text += "    content: |\n"
            // One newline at the end is the block's own.
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
    /// Whether a path with this byte needs no quotes in YAML, or in a message.
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
    /// What YAML 1.1 does not call printable, or calls the end of a line.
    fileprivate var breaksBlock: Bool {
        switch value {
        case 0x09, 0x0A, 0x20...0x7E: false
        case 0..<0xA0, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
