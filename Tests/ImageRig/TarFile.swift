/// An archive in the format of a layer, with any names: a well-behaved program would not make some of them.
package struct TarFile: Sendable {
    private var content: [UInt8] = []

    /// An archive without entries.
    package init() {}

    /// The whole archive.
    package var bytes: [UInt8] { content + [UInt8](repeating: 0, count: 1024) }

    /// Adds a directory.
    package mutating func directory(_ name: String) { add(name + "/", kind: "5", mode: 0o755) }
    /// Adds a symbolic link.
    package mutating func link(_ name: String, to target: String) { add(name, kind: "2", target: target) }
    /// Adds another name of a file.
    package mutating func hardLink(_ name: String, to target: String) { add(name, kind: "1", target: target) }

    /// Adds a file.
    package mutating func file(_ name: String, _ bytes: [UInt8], mode: Int = 0o644) {
        add(name, kind: "0", mode: mode, size: bytes.count)
        content += bytes
        let rest = bytes.count % 512
        if rest > 0 { content += [UInt8](repeating: 0, count: 512 - rest) }
    }

    private mutating func add(_ name: String, kind: Character, target: String = "", mode: Int = 0o777, size: Int = 0) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: Int, _ width: Int) -> String {
            let digits = String(number, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(size, 11), at: 124)
        put(octal(1_700_000_000, 11), at: 136)
        put("        ", at: 148)
        put(String(kind), at: 156)
        put(target, at: 157)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        content += header
    }
}
