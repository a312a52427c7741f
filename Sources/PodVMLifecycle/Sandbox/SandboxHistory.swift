/// What is known of one sandbox and its life, also after its end.
public struct SandboxHistory: Sendable {
    /// The sandbox as it is, or as it was at its end.
    public let summary: SandboxSummary
    /// What the pod requires of its VM.
    public let requirements: Requirements
    /// The steps, the oldest first.
    public let steps: [SandboxStep]
    /// Whether the sandbox and its VM are gone.
    public let hasEnded: Bool

    init(_ summary: SandboxSummary, _ record: SandboxRecord, hasEnded: Bool = false) {
        self.summary = summary
        requirements = record.requirements
        steps = record.history.steps
        self.hasEnded = hasEnded
    }
}

/// The sandboxes that ended last. They are in memory only.
struct EndedSandboxes: Sendable {
    /// The most sandboxes: kubelet tries again with a new sandbox, and a user looks at the failures of the last hour.
    static let limit = 64

    private(set) var histories: [SandboxHistory] = []

    mutating func add(_ history: SandboxHistory) {
        if histories.count >= Self.limit { histories.removeFirst() }
        histories.append(history)
    }
}
