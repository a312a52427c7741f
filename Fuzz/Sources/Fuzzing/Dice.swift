/// Decisions drawn from an input, so that libFuzzer, by changing bytes, changes what is built.
public struct Dice {
    private var rest: ArraySlice<UInt8>

    /// Decisions out of these bytes; when they have run out, each is zero.
    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// Whether nothing is left to decide by.
    public var isEmpty: Bool { rest.isEmpty }

    /// The next byte.
    public mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// A number from 0 up to `limit`, which is not reached.
    public mutating func number(below limit: Int) -> Int {
        precondition(limit > 0)
        let drawn = limit <= 256 ? Int(byte()) : Int(byte()) << 8 | Int(byte())
        return drawn % limit
    }

    /// Bytes, as many as the next one says and there are.
    public mutating func bytes(atMost limit: Int = 255) -> [UInt8] {
        let count = min(number(below: limit + 1), rest.count)
        defer { rest.removeFirst(count) }
        return Array(rest.prefix(count))
    }

    /// All that is left.
    public mutating func remainder() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }

    /// Cuts bytes into pieces of drawn lengths; together they are `whole`.
    public mutating func cut(_ whole: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var left = whole[...]
        while !left.isEmpty {
            // Small pieces first of all: it is in headers that a cut may matter.
            let length = isEmpty ? left.count : 1 + number(below: 24)
            pieces.append(Array(left.prefix(length)))
            left.removeFirst(min(length, left.count))
        }
        return pieces
    }
}
