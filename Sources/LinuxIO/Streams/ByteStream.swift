/// An ordered byte stream in both directions: a socket, or TLS on a socket.
///
/// At most one task reads and one task writes at the same time.
public protocol ByteStream: AnyObject, Sendable {
    /// The loop whose events resume waiting tasks.
    var loop: EpollLoop { get }

    /// Reads the available bytes. Returns the number of bytes, 0 at the end, nil if no bytes are available yet.
    ///
    /// It also returns nil when the reader has read so much that other tasks of the loop must run first. The reader
    /// then waits.
    func tryRead(into buffer: UnsafeMutableRawBufferPointer) throws -> Int?

    /// Writes as many bytes as fit. Returns the number of bytes, nil if no bytes fit now.
    func tryWrite(_ bytes: UnsafeRawBufferPointer) throws -> Int?

    /// Suspends until another attempt can succeed. It may return too early.
    func wait(for direction: Direction) async throws

    /// Tells the peer that no more bytes follow, after all written bytes have been sent.
    func finishWriting() async throws

    /// Closes both directions. Waiting tasks get ``StreamClosed``. Idempotent.
    func close()
}

/// This side closed the stream.
public struct StreamClosed: Error, Sendable {
    /// Makes the error.
    public init() {}
}

extension ByteStream {
    /// Reads at least one byte. Returns 0 at the end. Suspends while no bytes are available.
    public func read(into buffer: UnsafeMutableRawBufferPointer) async throws -> Int {
        while true {
            if let count = unsafe try tryRead(into: buffer) { return count }
            try await wait(for: .reading)
        }
    }

    /// Reads between one and `count` bytes. An empty array means the end.
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

    /// Writes all of `bytes`. The memory must stay valid until this function returns.
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
