/// Bytes both ways, in order: a socket, or TLS on one.
///
/// At most one task reads and one writes at a time.
public protocol ByteStream: AnyObject, Sendable {
    /// The loop whose events resume those who wait.
    var loop: EpollLoop { get }

    /// Reads what is there: how many bytes, 0 at the end, nil when there is nothing yet.
    ///
    /// Nil also comes when the reader has had so much that other tasks of the loop are to run first, for which it waits.
    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> Int?

    /// Writes what fits: how many bytes, nil when nothing fits now.
    func tryWrite(_ bytes: UnsafeRawBufferPointer) throws -> Int?

    /// Suspends until it makes sense to try again; may return for nothing.
    func wait(for direction: Direction) async throws

    /// Tells the peer that no more bytes come, once all written ones have left.
    func finishWriting() async throws

    /// Ends both ways; those who wait get ``StreamClosed``. Idempotent.
    func close()
}

/// The stream was closed at this end.
public struct StreamClosed: Error, Sendable {
    /// One of its kind.
    public init() {}
}

extension ByteStream {
    /// Reads at least one byte, or 0 at the end; suspends while there is nothing.
    public func read(into buffer: UnsafeMutableRawBufferPointer) async throws -> Int {
        while true {
            if let count = unsafe try tryRead(into: buffer) { return count }
            try await wait(for: .reading)
        }
    }

    /// Reads between one and `count` bytes; an empty array is the end.
    public func read(upTo count: Int) async throws -> [UInt8] {
        while true {
            var hasRead = true
            let bytes = unsafe try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                let read = unsafe try tryRead(into: UnsafeMutableRawBufferPointer(buffer))
                hasRead = read != nil
                initialized = read ?? 0
            }
            if hasRead { return bytes }
            try await wait(for: .reading)
        }
    }

    /// Writes all of `bytes`.
    public func write(_ bytes: ArraySlice<UInt8>) async throws {
        var rest = bytes
        while !rest.isEmpty {
            if let count = try unsafe rest.withUnsafeBytes({ unsafe try tryWrite($0) }) {
                rest = rest.dropFirst(count)
            } else {
                try await wait(for: .writing)
            }
        }
    }

    /// Writes all of `bytes`.
    public func write(_ bytes: [UInt8]) async throws { try await write(bytes[...]) }

    /// Writes all of `bytes`, which must stay valid until this returns.
    public func write(_ bytes: UnsafeRawBufferPointer) async throws {
        var written = 0
        while written < bytes.count {
            if let count = unsafe try tryWrite(UnsafeRawBufferPointer(rebasing: bytes[written...])) {
                written += count
            } else {
                try await wait(for: .writing)
            }
        }
    }
}
