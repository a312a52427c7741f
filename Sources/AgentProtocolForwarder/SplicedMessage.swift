internal import TTRPC

/// A frame that is assembled from pieces of another frame.
///
/// Embedded messages are opened and closed, and their lengths are filled in at the end. So no message is measured
/// beforehand or copied twice, at any size and depth.
struct SplicedMessage: ~Copyable {
    private var bytes: [UInt8]

    /// Bytes reserved for a length; frames, and so lengths, are below 2^28.
    private static let lengthRoom = 4

    init(copying header: ArraySlice<UInt8>, capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes += header
    }

    /// Copies whole fields.
    mutating func raw(_ fields: ArraySlice<UInt8>) { bytes += fields }

    /// Begins an embedded message. Its fields follow, then ``close(_:)``.
    mutating func open(_ field: Int) -> Int {
        append(UInt64(field) << 3 | 2)
        bytes.append(contentsOf: repeatElement(0, count: Self.lengthRoom))
        return bytes.count
    }

    /// Ends the message that was opened at `mark`, and removes the reserved bytes that its length does not need.
    mutating func close(_ mark: Int) {
        var length = SplicedMessage(copying: [], capacity: Self.lengthRoom)
        length.append(UInt64(bytes.count - mark))
        bytes.replaceSubrange(mark - Self.lengthRoom..<mark, with: length.bytes)
    }

    /// Appends a string field.
    mutating func string(_ field: Int, _ text: String) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    /// The frame, with its payload's length in the header.
    consuming func frame() -> [UInt8] {
        var header = FrameHeader(bytes[..<FrameHeader.size])
        header.length = bytes.count - FrameHeader.size
        var encoded: [UInt8] = []
        header.encode(into: &encoded)
        for (index, byte) in encoded.enumerated() { bytes[index] = byte }
        return bytes
    }

    private mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
