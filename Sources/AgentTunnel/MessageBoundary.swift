/// Finds the places of a stream where a message has ended, so that another message can be put there.
public protocol MessageBoundary: Sendable {
    /// The number of bytes before the next place that is known now; 0 between two messages.
    ///
    /// A message's header may have to be read before the end of the message is known. Then the place is the header's end.
    var bytesLeft: Int { get }

    /// Follows the next bytes of the stream, split at any position.
    mutating func follow(_ bytes: UnsafeRawBufferPointer)

    /// What another value needs to continue here.
    var checkpoint: UInt64 { get }

    /// Continues with the ``checkpoint`` of another value. Returns false if no value has this checkpoint.
    mutating func resume(_ checkpoint: UInt64) -> Bool
}

/// The limits of the answers of a ``StreamFilter``.
public enum AnswerLimits {
    /// The most bytes that wait for the end of a message, or for room. More end the connection.
    public static let waiting = 16 << 10
}

/// The client makes more refused calls than it reads answers.
struct TooManyAnswers: Error, CustomStringConvertible {
    var description: String {
        "more than \(AnswerLimits.waiting) bytes of answers wait for a client that does not read"
    }
}
