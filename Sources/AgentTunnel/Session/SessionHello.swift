/// The identifier of a session: 16 random bytes. Together with the client's certificate it names the session.
package struct SessionID: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    /// Makes a random identifier.
    package static func random() -> SessionID {
        SessionID(high: .random(in: 0...UInt64.max), low: .random(in: 0...UInt64.max))
    }
}

/// The first message of the node on a connection.
///
///     +-----------+---------------+--------------+
///     | request 8 | identifier 128 | received 64 |      big-endian
///     +-----------+---------------+--------------+
package struct SessionHello: Equatable, Sendable {
    /// What the node wants.
    package enum Request: UInt8, Sendable {
        /// To begin the session.
        case new = 1
        /// To continue the session on this connection.
        case resume = 2
    }

    /// The name of the protocol in the TLS handshake (ALPN).
    package static let applicationProtocol = "peerpod-session/1"
    /// Bytes of the message.
    package static let size = 25

    /// Whether the session begins or continues.
    package let request: Request
    /// The session that begins or continues.
    package let id: SessionID
    /// The bytes of the agent's direction that the node has received; 0 for a new session.
    package let received: UInt64

    /// Makes a message.
    package init(_ request: Request, _ id: SessionID, received: UInt64 = 0) {
        self.request = request
        self.id = id
        self.received = received
    }

    /// Reads a message of ``size`` bytes.
    ///
    /// - Throws: ``SessionFault/malformedHello``.
    package init(_ bytes: [UInt8]) throws(SessionFault) {
        guard bytes.count == SessionHello.size, let request = Request(rawValue: bytes[0]) else {
            throw .malformedHello
        }
        let received = UInt64(bigEndian: bytes[17...])
        if request == .new && received != 0 { throw .malformedHello }
        let id = SessionID(high: UInt64(bigEndian: bytes[1..<9]), low: UInt64(bigEndian: bytes[9..<17]))
        self.init(request, id, received: received)
    }

    /// The message's bytes.
    package var bytes: [UInt8] {
        [request.rawValue] + id.high.bigEndianBytes + id.low.bigEndianBytes + received.bigEndianBytes
    }
}

/// The answer of the VM's end to a ``SessionHello``.
///
///     +----------+-------------+
///     | answer 8 | received 64 |      big-endian
///     +----------+-------------+
package struct SessionAnswer: Equatable, Sendable {
    /// Whether the session continues.
    package enum Outcome: UInt8, Sendable {
        case accepted = 1
        /// There is no such session.
        case unknown = 2
        /// The client has too many sessions.
        case crowded = 3
    }

    /// Bytes of the message.
    package static let size = 9

    /// Whether the node may use the session, and if not, why.
    package let outcome: Outcome
    /// The bytes of the client's direction that the VM's end has received, if it has accepted.
    package let received: UInt64

    /// Makes an answer.
    package init(_ outcome: Outcome, received: UInt64 = 0) {
        self.outcome = outcome
        self.received = received
    }

    /// Reads a message of ``size`` bytes.
    ///
    /// - Throws: ``SessionFault/malformedHello``.
    package init(_ bytes: [UInt8]) throws(SessionFault) {
        guard bytes.count == SessionAnswer.size, let outcome = Outcome(rawValue: bytes[0]) else {
            throw .malformedHello
        }
        self.init(outcome, received: UInt64(bigEndian: bytes[1...]))
    }

    /// The message's bytes.
    package var bytes: [UInt8] { [outcome.rawValue] + received.bigEndianBytes }
}

extension UInt64 {
    fileprivate init(bigEndian bytes: ArraySlice<UInt8>) { self = bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    fileprivate var bigEndianBytes: [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> UInt64($0)) }
    }
}
