internal import AgentTunnel
internal import KataProtocol
internal import LinuxIO
internal import TTRPC

/// Waits for the agent in a VM: dials the forwarder and asks for the agent's health, until the agent serves.
struct AgentProbe: Sendable {
    /// Why the latest attempt failed.
    enum Obstacle: Error {
        /// The forwarder was not reached.
        case unreached(DialError)
        /// The forwarder was reached, but the agent behind it did not answer.
        case unanswered(String)
        /// The agent answered with this status that it does not serve.
        case notServing(UInt32)
    }

    let dialer: Dialer
    let loop: EpollLoop

    /// The timeout of one answer. After it the probe dials again, because the old connection may lead to a forwarder that
    /// has exited.
    private static let answerTimeout = Duration.seconds(5)
    /// The pause between two attempts.
    private static let pause = Duration.milliseconds(100)
    /// How long a peer may fail authentication. The clock of a VM that boots may still be wrong, and another VM may have had
    /// the address shortly before.
    private static let distrustTimeout = Duration.seconds(5)

    /// Returns once the agent serves. Reports each failed attempt to `note`.
    ///
    /// - Throws: ``Obstacle`` when another attempt cannot succeed, or `CancellationError`.
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
                    if now - (distrusted ?? now) >= Self.distrustTimeout { throw Obstacle.unreached(error) }
                    distrusted = distrusted ?? now
                }
            }
            try await loop.sleep(for: Self.pause)
        }
    }

    /// Asks until the agent serves (true) or the connection fails (false).
    private func ask(
        over connection: any ByteStream, noting note: @escaping @Sendable (Obstacle) -> Void
    ) async throws -> Bool {
        try await Client.with(connection, on: loop, limits: .untrusted) { client in
            while true {
                do {
                    let answer = try await client.call(Health.check, HealthCheckRequest(), timeout: Self.answerTimeout)
                    let status = answer.status
                    if status == HealthCheckResponse.serving { return true }
                    note(.notServing(status))
                } catch let error as CancellationError {
                    throw error
                } catch {
                    note(.unanswered("\(error)"))
                    return false
                }
                try await loop.sleep(for: Self.pause)
            }
        }
    }
}

extension AgentProbe.Obstacle {
    /// What happened, why, and what to check.
    var explanation: String {
        switch self {
        case .unreached(let error): "The pod VM's forwarder was not reached at \(error)"
        case .unanswered(let reason):
            """
            The pod VM's forwarder answers, but the agent behind it does not (\(reason)): check kata-agent's log in \
            the VM
            """
        case .notServing(let status):
            """
            The agent in the pod VM answers that it does not serve (status \(status)): check kata-agent's log in \
            the VM
            """
        }
    }
}
