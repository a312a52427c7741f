internal import CZlib

/// Gzip (RFC 1952) of whole values.
///
/// Only this file calls zlib. A stream exists only during one call.
package enum Gzip {
    package enum Failure: Error, Equatable { case malformed, tooLarge }

    /// Compresses bytes. The header has no time and no file name, so the same bytes always give the same result.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        // 15 window bits plus 16 select gzip's header.
        let stream = unsafe Stream { stream, version, size in
            unsafe deflateInit2_(
                stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, version, size)
        }
        defer { unsafe deflateEnd(stream.pointer) }
        let bound = unsafe Int(deflateBound(stream.pointer, UInt(bytes.count)))
        var input = bytes
        return unsafe input.withUnsafeMutableBufferPointer { input in
            unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
                unsafe stream.pointer.pointee.next_in = input.baseAddress
                unsafe stream.pointer.pointee.avail_in = UInt32(input.count)
                unsafe stream.pointer.pointee.next_out = output.baseAddress
                unsafe stream.pointer.pointee.avail_out = UInt32(bound)
                let result = unsafe deflate(stream.pointer, Z_FINISH)
                precondition(result == Z_STREAM_END, "deflateBound is a bound")
                count = unsafe Int(stream.pointer.pointee.total_out)
            }
        }
    }

    /// Unpacks all members in order, like gzip and Go, to at most `limit` bytes in total.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(Failure) -> [UInt8] {
        let stream = unsafe Stream { stream, version, size in unsafe inflateInit2_(stream, 15 + 16, version, size) }
        defer { unsafe inflateEnd(stream.pointer) }
        var input = bytes
        var output: [UInt8] = []
        var result = Z_OK
        unsafe input.withUnsafeMutableBufferPointer { input in
            unsafe stream.pointer.pointee.next_in = input.baseAddress
            unsafe stream.pointer.pointee.avail_in = UInt32(input.count)
            while result == Z_OK, output.count <= limit {
                output += unsafe [UInt8](unsafeUninitializedCapacity: 16 << 10) { buffer, count in
                    unsafe stream.pointer.pointee.next_out = buffer.baseAddress
                    unsafe stream.pointer.pointee.avail_out = UInt32(buffer.count)
                    result = unsafe inflate(stream.pointer, Z_NO_FLUSH)
                    count = unsafe buffer.count - Int(stream.pointer.pointee.avail_out)
                }
                if unsafe result == Z_STREAM_END && stream.pointer.pointee.avail_in > 0 {
                    result = unsafe inflateReset(stream.pointer)
                }
            }
        }
        guard output.count <= limit else { throw .tooLarge }
        guard result == Z_STREAM_END else { throw .malformed }
        return output
    }

    /// A stream at a fixed address, because zlib refuses a stream that has moved since its initialization.
    @safe private struct Stream: ~Copyable {
        let pointer: UnsafeMutablePointer<z_stream>

        init(_ prepare: (UnsafeMutablePointer<z_stream>, UnsafePointer<CChar>, Int32) -> Int32) {
            unsafe pointer = .allocate(capacity: 1)
            unsafe pointer.initialize(to: z_stream())
            let result = unsafe prepare(pointer, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            precondition(result == Z_OK, "zlib is out of memory")
        }

        deinit { unsafe pointer.deallocate() }
    }
}
