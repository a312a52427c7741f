internal import AgentTunnel
internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// Waits for the agent in a VM: dials its forwarder and asks, until it says that it serves.
struct AgentProbe: Sendable {
    /// What stood in the way, most recently.
    enum Obstacle: Error {
        /// The forwarder was not reached.
        case unreached(DialError)
        /// The forwarder was reached, but the agent behind it did not answer.
        case silent(String)
        /// The agent answered that it does not serve: the status it gave.
        case unwell(UInt32)
    }

    let dialer: Dialer
    let loop: EpollLoop

    /// How long the agent may take for one answer. Behind that a new connection is made, in case
    /// the old one leads to a forwarder that is no more.
    private static let answerTime = Duration.seconds(5)
    /// The pause before the agent is asked again.
    private static let pause = Duration.milliseconds(100)
    /// How long a peer may be another than we expect. A VM's clock may still be wrong when it
    /// boots, and an address may for a moment still be its predecessor's.
    private static let grace = Duration.seconds(5)

    /// Returns once the agent serves. Every failure on the way is told to `note`.
    ///
    /// - Throws: ``Obstacle`` when there is no use in trying on, or `CancellationError`.
    func awaitService(noting note: @escaping @Sendable (Obstacle) -> Void) async throws {
        var distrusted: ContinuousClock.Instant?
        while true {
            do {
                let connection = try await dialer.connect(
                    deadline: .now.advanced(by: .seconds(86_400)), noting: { note(.unreached($0)) })
                distrusted = nil
                if try await ask(over: connection, noting: note) { return }
            } catch let error as DialError {
                note(.unreached(error))
                if case .distrust = error.cause {
                    let now = ContinuousClock.now
                    if now - (distrusted ?? now) >= Self.grace { throw Obstacle.unreached(error) }
                    distrusted = distrusted ?? now
                }
            }
            try await loop.sleep(for: Self.pause)
        }
    }

    /// Whether the agent serves; asks until it does or the connection is of no more use.
    private func ask(
        over connection: any ByteStream, noting note: @escaping @Sendable (Obstacle) -> Void
    ) async throws -> Bool {
        try await Client.with(connection, on: loop, limits: .untrusted) { client in
            while true {
                do {
                    let answer = try await client.call(Health.check, HealthCheckRequest(), timeout: Self.answerTime)
                    let status = answer.status
                    if status == HealthCheckResponse.serving { return true }
                    note(.unwell(status))
                } catch let error as CancellationError {
                    throw error
                } catch {
                    note(.silent("\(error)"))
                    return false
                }
                try await loop.sleep(for: Self.pause)
            }
        }
    }
}

extension AgentProbe.Obstacle {
    /// What stood in the way, and what to look at.
    var explanation: String {
        switch self {
        case .unreached(let error): "The pod VM's forwarder was not reached at \(error)"
        case .silent(let reason):
            """
            The pod VM's forwarder answers, but the agent behind it does not (\(reason)): look at kata-agent's log in \
            the VM
            """
        case .unwell(let status):
            """
            The agent in the pod VM answers that it does not serve (status \(status)): look at kata-agent's log in \
            the VM
            """
        }
    }
}
