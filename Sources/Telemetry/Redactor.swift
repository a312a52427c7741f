internal import LinuxIO

/// The secrets of a process that no log line and no error may show; loggers and the clients of other services share it.
public final class Redactor: Sendable {
    private struct State {
        var filter = SecretFilter()
        /// The oldest first.
        var lasting: [Secret<String>] = []
    }

    /// How many secrets stay hidden permanently: access tokens of more than a day, and the credentials for them.
    private static let limit = 64

    private let state = Lock(State())

    /// A redactor that knows no secret.
    public init() {}

    /// Hides a secret from now on. When there are too many, the one that was told longest ago is shown again.
    public func hide(_ secret: Secret<String>) {
        state.withLock { state in
            if let index = state.lasting.firstIndex(of: secret) {
                state.lasting.remove(at: index)
            } else {
                state.filter.hide(secret)
            }
            state.lasting.append(secret)
            if state.lasting.count > Self.limit { state.filter.show(state.lasting.removeFirst()) }
        }
    }

    /// Hides a secret for as long as `body` takes.
    public func hiding<Result, Failure: Error>(
        _ secret: Secret<String>, _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        state.withLock { $0.filter.hide(secret) }
        defer { state.withLock { $0.filter.show(secret) } }
        return try await body()
    }

    /// The text without what is hidden now.
    public func redacted(_ text: String) -> String { state.withLock { $0.filter }.redacted(text) }
}
