/// Reads fixed-size numbers out of bytes that another party may have written.
///
/// Each method returns nil beyond the end, so that its caller decides what a missing field means.
struct Bytes: Sendable {
    let all: ArraySlice<UInt8>

    init(_ all: [UInt8]) { self.all = all[...] }
    init(_ all: ArraySlice<UInt8>) { self.all = all }

    var count: Int { all.count }

    /// `count` bytes at `offset`.
    func slice(at offset: Int, _ count: Int) -> ArraySlice<UInt8>? {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count - offset else { return nil }
        let start = all.startIndex + offset
        return all[start..<start + count]
    }

    /// A little-endian number at `offset`.
    func little<Number: FixedWidthInteger>(at offset: Int, _: Number.Type = Number.self) -> Number? {
        slice(at: offset, MemoryLayout<Number>.size).map { bytes in
            bytes.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
        }
    }

    /// A big-endian number at `offset`.
    func big<Number: FixedWidthInteger>(at offset: Int, _: Number.Type = Number.self) -> Number? {
        slice(at: offset, MemoryLayout<Number>.size).map { bytes in
            bytes.reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
        }
    }
}

extension [UInt8] {
    /// Appends a number in little-endian order.
    mutating func append(little number: some FixedWidthInteger) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// Appends a number in big-endian order.
    mutating func append(big number: some FixedWidthInteger) {
        for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// Replaces the bytes at `offset` by a little-endian number.
    mutating func replace(at offset: Int, little number: some FixedWidthInteger) {
        var bytes: [UInt8] = []
        bytes.append(little: number)
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// Replaces the bytes at `offset` by a big-endian number.
    mutating func replace(at offset: Int, big number: some FixedWidthInteger) {
        var bytes: [UInt8] = []
        bytes.append(big: number)
        replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// Appends zeros up to a multiple of `alignment`.
    mutating func pad(to alignment: Int) {
        let rest = count % alignment
        if rest != 0 { append(contentsOf: repeatElement(0, count: alignment - rest)) }
    }
}
