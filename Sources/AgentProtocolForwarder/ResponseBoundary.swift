internal import AgentTunnel
internal import TTRPC

/// Finds the ends of ttrpc frames in the agent's direction of a connection. It reads nothing but their lengths.
struct ResponseBoundary: MessageBoundary {
    private enum Place: Equatable {
        /// In a header, of which so many bytes have been read. The value has those of its length, the first bytes highest.
        case header(Int, UInt32)
        /// In a payload. The value counts the bytes left.
        case payload(Int)
    }

    private var place = Place.header(0, 0)

    private static let lengthSize = 4
    /// The bit of ``checkpoint`` that tells a header from a payload.
    private static let headerBit: UInt64 = 1 << 63

    var bytesLeft: Int {
        switch place {
        case .header(let count, _): count == 0 ? 0 : FrameHeader.size - count
        case .payload(let left): left
        }
    }

    mutating func follow(_ bytes: UnsafeRawBufferPointer) {
        var offset = 0
        while offset < bytes.count {
            switch place {
            case .payload(let left):
                let count = min(left, bytes.count - offset)
                offset += count
                place = left == count ? .header(0, 0) : .payload(left - count)
            case .header(let count, let length):
                let length = unsafe count < Self.lengthSize ? length << 8 | UInt32(bytes[offset]) : length
                offset += 1
                if count + 1 < FrameHeader.size {
                    place = .header(count + 1, length)
                } else {
                    place = length == 0 ? .header(0, 0) : .payload(Int(length))
                }
            }
        }
    }

    var checkpoint: UInt64 {
        switch place {
        case .header(let count, let length): Self.headerBit | UInt64(count) << 32 | UInt64(length)
        case .payload(let left): UInt64(left)
        }
    }

    mutating func resume(_ checkpoint: UInt64) -> Bool {
        if checkpoint & Self.headerBit != 0 {
            let count = (checkpoint & ~Self.headerBit) >> 32
            guard count < UInt64(FrameHeader.size) else { return false }
            place = .header(Int(count), UInt32(truncatingIfNeeded: checkpoint))
        } else if checkpoint == 0 {
            // Before the first byte.
            place = .header(0, 0)
        } else {
            guard checkpoint <= UInt64(UInt32.max) else { return false }
            place = .payload(Int(checkpoint))
        }
        return true
    }
}
