internal import LinuxIO
internal import TLS

/// The sessions of the VM's end, and their limits.
final class GuestSessions: Sendable {
    /// The name of a session: no client can name the session of another client.
    struct Key: Hashable {
        let fingerprint: [UInt8]
        let id: SessionID
    }

    private enum Admission {
        case begin(GuestSession)
        case resume(GuestSession)
        case refuse(SessionAnswer.Outcome)
    }

    private let sessions = Lock<[Key: GuestSession]>([:])
    private let limit: Int
    private let make: @Sendable (Key) -> GuestSession

    /// At most `limit` sessions of a client certificate; `make` makes a session.
    init(limit: Int, _ make: @escaping @Sendable (Key) -> GuestSession) {
        self.limit = limit
        self.make = make
    }

    /// Adds a session of an earlier process.
    func add(_ session: GuestSession, _ key: Key) { sessions.withLock { $0[key] = session } }

    /// Runs a session that was added, until its end.
    func run(_ session: GuestSession, _ key: Key) async {
        await session.run(nil)
        remove(session, key)
    }

    /// Serves one connection of a node, until the connection ends.
    ///
    /// - Throws: `SessionFault`, or the stream's error.
    func serve(_ stream: TLSStream) async throws {
        defer { stream.close() }
        let message = try await stream.readMessage(SessionHello.size)
        // A spare connection that the node did not need.
        if message.isEmpty { return }
        let hello = try SessionHello(message)
        let key = Key(fingerprint: stream.peerFingerprint ?? [], id: hello.id)
        switch admit(hello.request, key) {
        case .begin(let session):
            defer { remove(session, key) }
            await session.run(GuestSession.Offer(stream: stream, received: hello.received))
        case .resume(let session):
            let offer = GuestSession.Offer(stream: stream, received: hello.received)
            if session.take(offer) { return await offer.ended.wait() }
            try await refuse(.unknown, on: stream)
        case .refuse(let outcome): try await refuse(outcome, on: stream)
        }
    }

    /// Removes a session that is over. A later one can have the same name.
    private func remove(_ session: GuestSession, _ key: Key) {
        sessions.withLock { sessions in if sessions[key] === session { sessions[key] = nil } }
    }

    private func refuse(_ outcome: SessionAnswer.Outcome, on stream: TLSStream) async throws {
        try await stream.write(SessionAnswer(outcome).bytes)
        try await stream.finishWriting()
    }

    private func admit(_ request: SessionHello.Request, _ key: Key) -> Admission {
        sessions.withLock { sessions in
            if let session = sessions[key], !session.isOver { return .resume(session) }
            if request == .resume { return .refuse(.unknown) }
            let own = sessions.filter { $0.key.fingerprint == key.fingerprint && !$0.value.isOver }.map(\.value)
            if own.count >= limit {
                let suspended = own.compactMap { session in session.suspendedSince.map { ($0, session) } }
                guard let oldest = suspended.min(by: { $0.0 < $1.0 }) else { return .refuse(.crowded) }
                oldest.1.end(.crowded)
            }
            let session = make(key)
            sessions[key] = session
            return .begin(session)
        }
    }
}
