/// Random numbers that depend only on the seed: SplitMix64.
struct SeededRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }

    /// A number in `0..<limit`; the limit is at least 1.
    mutating func below(_ limit: Int) -> Int {
        // The bias is less than limit / 2^32, which does not matter here.
        Int(((next() >> 32) &* UInt64(limit)) >> 32)
    }

    /// A number in a range.
    mutating func within(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

    /// True in `percent` of 100 cases.
    mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

    /// One of several values; there is at least one.
    mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}
