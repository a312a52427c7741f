internal import LinuxIO

/// The server's side of a call with many messages.
///
/// ttrpc cannot say how much a peer will take: a handler that does not receive holds up its
/// connection, and a client that does not read makes ``send(_:)`` wait.
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

    /// The client's next message, the first being the one its request carried; nil once the
    /// client has said that no more come.
    ///
    /// - Throws: `CancellationError`, or ``Status`` for a message that could not be taken.
    public func receive() async throws -> [UInt8]? { try await inbox.receive() }

    /// Sends a message to the client, waiting for it to read when much is under way.
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

    /// Ends the stream, when the handler returns, with this one response; for methods that
    /// take many messages and answer with one.
    public func respond(_ message: [UInt8]) { response.withLock { $0 = message } }

    /// The frame that ends the stream well.
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
