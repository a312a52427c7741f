/// What a peer may send before its handshake has ended, when it may still be anyone.
///
/// OpenSSL takes a ClientHello of 128 KiB, and makes room for it as soon as the first bytes say that it will be so
/// long. A crowd of strangers could fill the memory with that. Hello, certificate chain, signature and Finished of an
/// honest peer have two to eight KiB.
struct HandshakeLimit {
    /// Bytes on the wire, and in the first message by its own word.
    static let bytes = 24 << 10

    /// Bytes that the peer may still send.
    private(set) var left = HandshakeLimit.bytes
    private var first = FirstMessage()

    /// Takes in what has arrived.
    ///
    /// - Throws: ``TLSError/Code/protocolViolation`` when the first message says that it is longer than the limit.
    mutating func take(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        left -= bytes.count
        guard let length = unsafe first.length(after: bytes), length > HandshakeLimit.bytes else { return }
        throw TLSError(
            .protocolViolation,
            "TLS handshake: the peer's first message announces \(length) bytes, more than the limit of \(HandshakeLimit.bytes)"
        )
    }

    /// The peer has sent all that it may.
    static let exceeded = TLSError(
        .protocolViolation, "TLS handshake: the peer sent \(bytes) bytes before the handshake has ended")
}

/// Finds the length of a connection's first handshake message, however it is split into records.
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

    /// Takes in the next bytes; the message's length, once, when they tell it. Other bytes than a handshake's are not
    /// judged.
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
