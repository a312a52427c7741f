/// The limit of bytes from a peer before its handshake ends, while the peer is not authenticated.
///
/// OpenSSL accepts a ClientHello of 128 KiB, and allocates the memory as soon as the first bytes contain that length.
/// Many unauthenticated peers could exhaust the memory. Hello, certificate chain, signature and Finished of a correct
/// peer have 2 to 8 KiB.
struct HandshakeLimit {
    /// The limit of all bytes on the wire, and of the length field of the first message.
    static let bytes = 24 << 10

    /// The number of bytes that the peer may still send.
    private(set) var left = HandshakeLimit.bytes
    private var first = FirstMessage()

    /// Counts bytes that have arrived.
    ///
    /// - Throws: ``TLSError/Code/protocolViolation`` when the length field of the first message exceeds the limit.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        left -= bytes.count
        guard let length = unsafe first.length(after: bytes), length > HandshakeLimit.bytes else { return }
        throw TLSError(
            .protocolViolation,
            "TLS handshake: the peer's first message announces \(length) bytes, more than the limit of \(HandshakeLimit.bytes)"
        )
    }

    /// The error for a peer that exceeds the limit.
    static let exceeded = TLSError(
        .protocolViolation, "TLS handshake: the peer sent \(bytes) bytes before the handshake has ended")
}

/// Finds the length of a connection's first handshake message, also if several records contain the message.
///
///     record:   | type 8 (22) | version 16 | length 16 | content
///     content:  | type 8      | length 24 | …
struct FirstMessage {
    private static let handshakeType: UInt8 = 22
    private static let recordHeaderSize = 5
    private static let messageHeaderSize = 4

    private var recordHeader: [UInt8] = []
    private var messageHeader: [UInt8] = []
    private var leftInRecord = 0
    private var isDone = false

    /// Reads the next bytes. Returns the message's length once, when it is known. Bytes that are no handshake are
    /// ignored.
    mutating func length(after bytes: UnsafeRawBufferPointer) -> Int? {
        for index in bytes.indices where !isDone {
            let byte = unsafe bytes[index]
            if leftInRecord == 0 {
                recordHeader.append(byte)
                guard recordHeader.count == FirstMessage.recordHeaderSize else { continue }
                isDone = recordHeader[0] != FirstMessage.handshakeType
                leftInRecord = Int(recordHeader[3]) << 8 | Int(recordHeader[4])
                recordHeader = []
            } else {
                leftInRecord -= 1
                messageHeader.append(byte)
                guard messageHeader.count == FirstMessage.messageHeaderSize else { continue }
                isDone = true
                return messageHeader.dropFirst().reduce(0) { $0 << 8 | Int($1) }
            }
        }
        return nil
    }
}
