/// What the stand-in does wrong, for tests of those who talk to it.
struct AgentFaults: Equatable, Sendable {
    /// Health checks answer NOT_SERVING.
    var isUnwell = false
    /// It kills itself instead of answering the call after so many.
    var calls: Int?
}
