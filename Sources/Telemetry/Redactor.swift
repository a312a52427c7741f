internal import LinuxIO

/// The secrets of a process, which no log line and no error may show. Loggers and the clients of other services share
/// it.
public final class Redactor: Sendable {
    private struct State {
        var filter = SecretFilter()
        /// The secrets in their order, the oldest first.
        var lasting: [Secret<String>] = []
    }

    /// The number of secrets that stay hidden permanently: the access tokens of more than a day, and their credentials.
    private static let limit = 64

    private let state = Lock(State())

    /// Makes a redactor without secrets.
    public init() {}

    /// Hides a secret permanently. If there are too many secrets, the redactor stops hiding the oldest one.
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

    /// Hides a secret while `body` runs.
    public func hiding<Result, Failure: Error>(
        _ secret: Secret<String>, _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        state.withLock { $0.filter.hide(secret) }
        defer { state.withLock { $0.filter.show(secret) } }
        return try await body()
    }

    /// The text without the secrets that are hidden now.
    public func redacted(_ text: String) -> String { state.withLock { $0.filter }.redacted(text) }
}
