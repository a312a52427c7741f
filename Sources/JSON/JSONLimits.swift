/// The limits of a JSON document.
public struct JSONLimits: Sendable {
    /// The longest document, in bytes.
    public var size: Int
    /// The maximum number of arrays and objects that are open at the same time.
    public var depth: Int
    /// Whether an object may contain a key twice (then the last value counts). No writer of this project does this, and
    /// two readers may interpret it differently. So it is refused by default.
    public var allowsDuplicateKeys: Bool

    /// Makes limits. The defaults are 1 MiB and 64 levels.
    public init(size: Int = 1 << 20, depth: Int = 64, allowsDuplicateKeys: Bool = false) {
        self.size = size
        self.depth = depth
        self.allowsDuplicateKeys = allowsDuplicateKeys
    }

    /// 1 MiB, 64 levels, no duplicate keys.
    public static let standard = JSONLimits()

    /// Throws at the place where the nesting is too deep, before a value is built from the text.
    ///
    /// Text that is not JSON may pass. The parser checks the text afterwards.
    func checkDepth(of bytes: [UInt8]) throws(JSONError) {
        var open = 0
        var line = 1
        var lineStart = 0
        var inString = false
        var escaped = false
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") { (line, lineStart) = (line + 1, index + 1) }
            if inString {
                if escaped {
                    escaped = false
                } else if byte == UInt8(ascii: "\\") {
                    escaped = true
                } else {
                    inString = byte != UInt8(ascii: "\"")
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): inString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                open += 1
                if open > depth {
                    throw JSONError(
                        line: line, column: index - lineStart + 1, "nested deeper than the \(depth) levels allowed")
                }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): open -= 1
            default: break
            }
        }
    }
}
