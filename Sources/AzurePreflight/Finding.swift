internal import AzureProvider

/// What a preflight has to say about one thing.
package struct Finding: Hashable, Sendable {
    package enum Verdict: String, Sendable, CaseIterable {
        case ok
        /// Pods will start, but not all, not always or not as they should.
        case warning
        /// No pod will start.
        case failed
        /// Azure did not say: no right to look, no answer, or one that makes no sense.
        case unknown
    }

    /// What was looked at: `image`, `quota`.
    package var subject: String
    package var verdict: Verdict
    /// What was found, as a clause with the names of what it is about.
    package var text: String
    /// What to do about it, as a clause in the imperative; empty when nothing.
    package var advice: String

    package init(_ subject: String, _ verdict: Verdict, _ text: String, advice: String = "") {
        self.subject = subject
        self.verdict = verdict
        // What Azure says goes to a terminal: it should not steer it.
        self.text = LogText.sanitized(text)
        self.advice = LogText.sanitized(advice)
    }
}
