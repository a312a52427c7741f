/// `count` bytes that look random. They are the same for the same seed.
///
/// Debug builds optimise this module. In a test's own code, the bytes of a few megabytes take seconds.
package func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    var word: UInt64 = 0
    for index in 0..<count {
        word = index % 8 == 0 ? random.next() : word >> 8
        bytes.append(UInt8(truncatingIfNeeded: word))
    }
    return bytes
}

/// Adler-like, in words of 64 bits: notices lost, changed and reordered ones.
package struct Checksum: Equatable, Sendable {
    /// The number of bytes.
    package private(set) var count = 0
    private var sum: UInt64 = 0
    private var position: UInt64 = 0

    package init() {}

    /// Takes whole words.
    package mutating func add(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { buffer in
            for offset in stride(from: 0, to: buffer.count, by: 8) {
                sum = unsafe sum &+ buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                position = position &+ sum
            }
        }
        count += bytes.count
    }
}
