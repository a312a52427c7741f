internal import CLinux
internal import Glibc

extension Stream {
    /// The most descriptors that one message carries.
    public static let descriptorLimit = 8

    /// Sends copies of open descriptors over this unix socket, with one byte (SCM_RIGHTS of unix(7)).
    ///
    /// `descriptors` has 1 to ``descriptorLimit`` numbers, which stay open here. At most one task writes to the stream.
    /// - Throws: ``SystemCallError``, ``StreamClosed`` or `CancellationError`.
    public func sendDescriptors(_ descriptors: [CInt]) async throws {
        while true {
            let sent = try withDescriptor { socket in
                try tryingSystemCall("sendmsg") {
                    Int(unsafe clinux_send_descriptors(socket, descriptors, CInt(descriptors.count)))
                }
            }
            if sent != nil { return }
            try await wait(for: .writing)
        }
    }

    /// Receives the descriptors of one message of ``sendDescriptors(_:)``.
    ///
    /// - Throws: ``SystemCallError``: `ENODATA` at the end of the stream, `EMSGSIZE` for a message with more than
    ///   ``descriptorLimit`` descriptors; ``StreamClosed`` or `CancellationError`.
    public func receiveDescriptors() async throws -> ReceivedDescriptors {
        while true {
            var received = [CInt](repeating: -1, count: Self.descriptorLimit)
            let count = try withDescriptor { socket in
                try tryingSystemCall("recvmsg") { Int(unsafe clinux_receive_descriptors(socket, &received)) }
            }
            if let count { return ReceivedDescriptors(Array(received[..<count])) }
            try await wait(for: .reading)
        }
    }

    /// Receives a datagram of up to `limit` bytes with its descriptors; nil if none has arrived.
    ///
    /// - Throws: ``SystemCallError``: `EMSGSIZE` for a larger one, or one with more than ``descriptorLimit`` descriptors;
    ///   ``StreamClosed``.
    public func tryReceiveMessage(upTo limit: Int) throws -> (bytes: [UInt8], descriptors: ReceivedDescriptors)? {
        var received = [CInt](repeating: -1, count: Self.descriptorLimit)
        var text = [CChar](repeating: 0, count: limit)
        var count: CInt = 0
        let size = try withDescriptor { socket in
            try tryingSystemCall("recvmsg") {
                unsafe clinux_receive_message(socket, &text, UInt(limit), &received, &count)
            }
        }
        guard let size else { return nil }
        return (text[..<size].map { UInt8(bitPattern: $0) }, ReceivedDescriptors(Array(received[..<Int(count)])))
    }
}

/// Descriptors that another process has sent. Those that are not taken are closed with the last reference.
public final class ReceivedDescriptors: Sendable {
    private let numbers: Lock<[CInt]>

    fileprivate init(_ numbers: [CInt]) { self.numbers = Lock(numbers) }

    deinit { while let descriptor = takeFirst() { _ = consume descriptor } }

    /// The number of descriptors that are not taken.
    public var count: Int { numbers.withLock { $0.count } }

    /// Takes the first descriptor that is left.
    public func takeFirst() -> OwnedFD? {
        let number = numbers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let number else { return nil }
        return OwnedFD(owning: number)
    }
}
