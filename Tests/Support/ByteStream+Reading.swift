package import LinuxIO

extension ByteStream {
    /// Everything up to the end.
    package func readToEnd() async throws -> [UInt8] {
        var all: [UInt8] = []
        while case let bytes = try await read(upTo: 64 << 10), !bytes.isEmpty { all += bytes }
        return all
    }

    /// `count` bytes; fewer if the stream ends before.
    package func readExactly(_ count: Int) async throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            let bytes = try await read(upTo: count - all.count)
            if bytes.isEmpty { break }
            all += bytes
        }
        return all
    }
}
