/// What a JSON document may ask of its reader.
public struct JSONLimits: Sendable {
    /// The longest document, in bytes.
    public var size: Int
    /// How many arrays and objects may be open at a time.
    public var depth: Int
    /// Whether an object may name a key twice (the last one then counts). No writer of this project does, and two
    /// readers may disagree on what it means, so it is refused unless asked for.
    public var allowsDuplicateKeys: Bool

    /// Limits; 1 MiB and 64 levels unless said otherwise.
    public init(size: Int = 1 << 20, depth: Int = 64, allowsDuplicateKeys: Bool = false) {
        self.size = size
        self.depth = depth
        self.allowsDuplicateKeys = allowsDuplicateKeys
    }

    /// 1 MiB, 64 levels, no key twice.
    public static let standard = JSONLimits()

    /// Finds the place where the nesting gets too deep, before anything is built from the text.
    ///
    /// Text that is not JSON may pass: the parser checks it next.
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
