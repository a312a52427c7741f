/// Decisions that come from an input, so that libFuzzer changes them when it changes bytes.
public struct Dice {
    private var rest: ArraySlice<UInt8>

    /// Takes decisions from these bytes. Without further bytes, each decision is zero.
    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Whether there are no further bytes.
    public var isEmpty: Bool { rest.isEmpty }

    /// The next byte.
    public mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// A number from 0 to `limit`, without `limit`.
    public mutating func number(below limit: Int) -> Int {
        precondition(limit > 0)
        let drawn = limit <= 256 ? Int(byte()) : Int(byte()) << 8 | Int(byte())
        return drawn % limit
    }

    /// Bytes, as many as the next byte says, or fewer at the end of the input.
    public mutating func bytes(atMost limit: Int = 255) -> [UInt8] {
        let count = min(number(below: limit + 1), rest.count)
        defer { rest.removeFirst(count) }
        return Array(rest.prefix(count))
    }

    /// All remaining bytes.
    public mutating func remainder() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }

    /// Cuts bytes into pieces of random lengths; together they are `whole`.
    public mutating func cut(_ whole: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var left = whole[...]
        while !left.isEmpty {
            // The first pieces are small, because a cut may matter in headers.
            let length = isEmpty ? left.count : 1 + number(below: 24)
            pieces.append(Array(left.prefix(length)))
            left.removeFirst(min(length, left.count))
        }
        return pieces
    }
}
