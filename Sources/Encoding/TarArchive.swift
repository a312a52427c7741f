/// An archive of regular files in the format ustar (POSIX.1-1988).
///
/// All files belong to root, have the mode 0600 and the archive's time, so that the same files give the same bytes.
public struct TarArchive: Sendable {
    /// The archive until now, without its end.
    private var content: [UInt8] = []
    private let time: Int64

    private static let block = 512
    /// The longest last part of a name, and the longest directory before it, in bytes.
    private static let (nameLimit, prefixLimit) = (100, 155)

    /// An empty archive whose files were changed at `time`, in seconds since 1970.
    public init(time: Int64) { self.time = max(0, min(time, 0o77_777_777_777)) }

    /// Adds a file. A name that is empty, too long, absolute or has `..` is a bug of the caller.
    public mutating func add(_ name: String, _ bytes: [UInt8]) {
        let isSafe = name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
        }
        guard let parts = Self.parts(of: name), isSafe, !name.utf8.contains(0) else {
            preconditionFailure("the name \(name)")
        }
        precondition(bytes.count < 1 << 33, "a file of more than 8 GiB")
        content += header(parts.name, parts.prefix, bytes.count)
        content += bytes
        let rest = bytes.count % Self.block
        if rest > 0 { content += [UInt8](repeating: 0, count: Self.block - rest) }
    }

    /// The whole archive.
    public var bytes: [UInt8] { content + [UInt8](repeating: 0, count: 2 * Self.block) }

    /// Whether an archive can have a file of this name.
    public static func fits(_ name: String) -> Bool { parts(of: name) != nil }

    /// The name in the two fields of a header; nil if it is too long for them.
    private static func parts(of name: String) -> (prefix: Substring, name: Substring)? {
        if name.utf8.count <= nameLimit { return ("", name[...]) }
        for slash in name.indices where name[slash] == "/" {
            let (prefix, rest) = (name[..<slash], name[name.index(after: slash)...])
            if prefix.utf8.count <= prefixLimit, rest.utf8.count <= nameLimit { return (prefix, rest) }
        }
        return nil
    }

    private func header(_ name: Substring, _ prefix: Substring, _ size: Int) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: Self.block)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(String(name), at: 0)
        put(String(prefix), at: 345)
        put(Self.octal(0o600, digits: 7), at: 100)
        put(Self.octal(0, digits: 7), at: 108)
        put(Self.octal(0, digits: 7), at: 116)
        put(Self.octal(Int64(size), digits: 11), at: 124)
        put(Self.octal(time, digits: 11), at: 136)
        // The checksum counts its own field as spaces.
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar\u{0}00", at: 257)
        put("root", at: 265)
        put("root", at: 297)
        let sum = header.reduce(0) { $0 + Int64($1) }
        put(Self.octal(sum, digits: 6) + "\u{0} ", at: 148)
        return header
    }

    private static func octal(_ number: Int64, digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
