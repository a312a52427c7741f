internal import PodVMLifecycle

/// One way to get a token.
protocol Credential: Sendable {
    /// For people: `the client secret of application 1234 in tenant 5678`.
    var description: String { get }

    /// A new token.
    func token(_ effort: TokenEffort) async throws(CredentialError) -> AccessToken
}

/// How hard a token is tried for.
enum TokenEffort: Sendable {
    /// Nobody can go on without: several tries, with pauses.
    case needed
    /// An old one still serves, and a caller waits for this try: a single, short one.
    case early

    /// How long one try may take.
    var timeLimit: Duration { self == .needed ? .seconds(30) : .seconds(5) }
}
