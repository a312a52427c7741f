/// Writes a name before each line of a byte stream that arrives in pieces.
///
/// It returns whole lines only, so that the simultaneous output of several pods does not mix within a line.
struct LinePrefixer: Sendable {
    /// The longest line that is held back; a longer line is broken here.
    static let lineLimit = 64 << 10

    private let prefix: [UInt8]
    private var pending: [UInt8] = []

    init(_ name: String) { prefix = Array("\(name) | ".utf8) }

    /// The lines that these bytes complete.
    mutating func add(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var lines: [UInt8] = []
        for byte in bytes {
            if pending.isEmpty { pending = prefix }
            pending.append(byte)
            if byte == UInt8(ascii: "\n") {
                lines += pending
                pending.removeAll(keepingCapacity: true)
            } else if pending.count >= Self.lineLimit {
                lines += end()
            }
        }
        return lines
    }

    /// The rest of a last line without a line break, with a line break added.
    mutating func end() -> [UInt8] {
        guard !pending.isEmpty else { return [] }
        defer { pending.removeAll(keepingCapacity: true) }
        return pending + [UInt8(ascii: "\n")]
    }
}
