/// Why a session has ended before both of its directions have ended. The raw value is the number on the wire.
public enum SessionEnd: Int, Error, CaseIterable, Sendable {
    /// Another reason, from a later version of the protocol.
    case other = 0
    /// The client of the agent socket has closed its connection.
    case clientClosed = 1
    /// The agent has closed its connection, or does not answer.
    case agentClosed = 2
    /// This end's program stops, or the sandbox's tunnel is closed.
    case stopping = 3
    /// The peer has sent bytes that the protocol does not allow.
    case protocolViolation = 4
    /// The tunnel refuses a call, such as one that it cannot rewrite.
    case refused = 5
    /// The path to the peer was broken for longer than a session waits.
    case timedOut = 6
    /// The peer does not have the session: its program was restarted, or the session has ended there.
    case unknown = 7
    /// The peer has too many sessions.
    case crowded = 8
    /// The peer is not authentic, or does not accept the certificate.
    case distrusted = 9

    /// The reason for a metric's label.
    var label: String {
        switch self {
        case .other: "other"
        case .clientClosed: "client_closed"
        case .agentClosed: "agent_closed"
        case .stopping: "stopping"
        case .protocolViolation: "protocol_violation"
        case .refused: "refused"
        case .timedOut: "timed_out"
        case .unknown: "unknown"
        case .crowded: "crowded"
        case .distrusted: "distrusted"
        }
    }
}

extension SessionEnd: CustomStringConvertible {
    /// The reason in words.
    public var description: String {
        switch self {
        case .other: "the peer ended the session for a reason that this version does not know"
        case .clientClosed: "the client closed its connection"
        case .agentClosed: "the agent closed its connection"
        case .stopping: "the tunnel was closed"
        case .protocolViolation: "the peer sent bytes that the session protocol does not allow"
        case .refused: "a call was refused"
        case .timedOut: "the path between node and VM was broken for too long; check the network between them"
        case .unknown: "the forwarder does not have the session: it was restarted, or ended the session"
        case .crowded: "the forwarder has too many sessions; close connections to the agent socket"
        case .distrusted: "the peer's certificate is not accepted"
        }
    }
}

/// What a peer has done against the protocol of sessions. It ends that session only.
package enum SessionFault: Error, Equatable, Sendable {
    case unknownFrame(UInt8)
    case impossibleValue(SessionFrame.Kind, Int)
    /// More bytes are acknowledged than were sent.
    case acknowledgedUnsent(UInt64, sent: UInt64)
    /// More bytes were sent than the window permits.
    case windowExceeded(by: UInt64)
    /// Bytes or a second end came after the end of the stream.
    case afterEnd
    /// A resumed session would continue before its acknowledged bytes, or after its sent bytes.
    case impossibleResume(UInt64, kept: ClosedRange<UInt64>)
    case malformedHello
    /// Two sessions of one client have the same identifier.
    case duplicateIdentifier
    /// Another process has described a session in a way that is not possible.
    case malformedSnapshot
    /// The program ended while it held a call that its journal could not keep, or that it cannot hold again.
    case unfinishedCall
}

extension SessionFault: CustomStringConvertible {
    /// What the peer has done, as a sentence without a period.
    package var description: String {
        switch self {
        case .unknownFrame(let kind): "the peer sent a frame of the unknown kind \(kind)"
        case .impossibleValue(let kind, let value): "the peer sent a frame \(kind) with the value \(value)"
        case .acknowledgedUnsent(let count, let sent):
            "the peer acknowledged \(count) bytes, but \(sent) were sent"
        case .windowExceeded(let excess): "the peer sent \(excess) bytes more than the window permits"
        case .afterEnd: "the peer sent bytes after the end of its stream"
        case .impossibleResume(let count, let kept):
            "the peer continues after \(count) bytes, but only \(kept.lowerBound) to \(kept.upperBound) are possible"
        case .malformedHello: "the peer's first message is malformed"
        case .duplicateIdentifier: "the peer began a session with the identifier of another one"
        case .unfinishedCall:
            "the program ended while it held a call for which the memory was not sufficient"
        case .malformedSnapshot: "the description of a session is malformed, or has another version"
        }
    }
}
