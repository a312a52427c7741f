internal import LinuxIO

/// The client's side of a call with many messages. Releasing it removes the call.
public final class ClientStream: Sendable {
    private let stream: StreamID
    private let isSending: Lock<Bool>
    private let inbox: MessageInbox
    private let queue: SendQueue
    private let client: Client

    init(_ stream: StreamID, sendsMore: Bool, inbox: MessageInbox, queue: SendQueue, client: Client) {
        self.stream = stream
        isSending = Lock(sendsMore)
        self.inbox = inbox
        self.queue = queue
        self.client = client
    }

    deinit { client.cancel(stream) }

    /// Sends a message. Waits for the server to read if many bytes are queued.
    ///
    /// - Throws: ``Status`` (FAILED_PRECONDITION after ``finishSending()``, RESOURCE_EXHAUSTED for a message that
    ///   is too long, UNAVAILABLE when the connection has ended), or `CancellationError`.
    public func send(_ message: [UInt8]) async throws {
        try Frame.checkLength(of: message)
        try await send(Frame(stream: stream, .data, payload: message))
    }

    /// Tells the server that no more messages follow. Idempotent.
    public func finishSending() async throws {
        guard isSending.withLock({ $0 }) else { return }
        try await send(Frame(stream: stream, .data, flags: [.remoteClosed, .noData]))
    }

    /// Waits for the server's next message. nil after the server has ended the stream successfully.
    ///
    /// A method with one answer message gives that message and then nil. An answer without content gives only nil.
    /// - Throws: ``Status`` if the call failed, or `CancellationError`.
    public func receive() async throws -> [UInt8]? { try await inbox.receive() }

    private func send(_ frame: Frame) async throws {
        do {
            try await queue.send { bytes in
                try isSending.withLock { isSending in
                    guard isSending else { throw Status(.failedPrecondition, "this end of the stream is finished") }
                    if frame.flags.contains(.remoteClosed) { isSending = false }
                }
                frame.encode(into: &bytes)
            }
        } catch is StreamClosed {
            throw Status(.unavailable, "the connection is closed")
        }
    }
}
