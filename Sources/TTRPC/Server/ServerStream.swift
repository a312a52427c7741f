internal import LinuxIO

/// The server's side of a call with many messages.
///
/// ttrpc has no flow control. A handler that does not receive blocks its connection, and a client that does not read
/// makes ``send(_:)`` wait.
public final class ServerStream: Sendable {
    private let stream: StreamID
    private let inbox: MessageInbox
    private let queue: SendQueue
    private let calls: CallTable
    private let response = Lock<[UInt8]?>(nil)

    init(_ stream: StreamID, inbox: MessageInbox, queue: SendQueue, calls: CallTable) {
        self.stream = stream
        self.inbox = inbox
        self.queue = queue
        self.calls = calls
    }

    /// Waits for the client's next message. The first message is the content of the request. nil after the client has
    /// ended its messages.
    ///
    /// - Throws: `CancellationError`, or ``Status`` for a message that could not be accepted.
    public func receive() async throws -> [UInt8]? { try await inbox.receive() }

    /// Sends a message to the client. Waits for the client to read if many bytes are queued.
    ///
    /// - Throws: `CancellationError` after the deadline, `StreamClosed`, or RESOURCE_EXHAUSTED for
    ///   a message over ``Frame/payloadLimit``.
    public func send(_ message: [UInt8]) async throws {
        try Frame.checkLength(of: message)
        try await queue.send { bytes in
            guard calls.isOpen(stream) else { throw CancellationError() }
            Frame(stream: stream, .data, payload: message).encode(into: &bytes)
        }
    }

    /// Sets the only response, which ends the stream when the handler returns. Use this for methods that receive many
    /// messages and answer with one.
    public func respond(_ message: [UInt8]) { response.withLock { $0 = message } }

    /// Appends the frame that ends the stream successfully.
    func appendEnd(to bytes: inout [UInt8]) {
        if let message = response.withLock({ $0 }) {
            bytes.appendResponse(stream, payload: message)
        } else {
            Frame(stream: stream, .data, flags: [.remoteClosed, .noData]).encode(into: &bytes)
        }
    }
}

extension Frame {
    static func checkLength(of message: [UInt8]) throws(Status) {
        guard message.count > payloadLimit else { return }
        throw Status(
            .resourceExhausted, "a message has \(message.count) bytes, and a frame has room for \(payloadLimit)")
    }
}
