internal import AzureProvider

/// The result of one check of the preflight.
package struct Finding: Hashable, Sendable {
    /// What a finding means for pods.
    package enum Verdict: String, Sendable, CaseIterable {
        case ok
        /// Pods will start, but not all, not always or not as they should.
        case warning
        /// No pod will start.
        case failed
        /// Not known: no permission to read it, no answer, or an answer that cannot be understood.
        case unknown
    }

    /// What was checked: `image`, `quota`.
    package var subject: String
    /// What the finding means for pods.
    package var verdict: Verdict
    /// What was found, as a clause with the names of what it is about.
    package var text: String
    /// What to do about it, as a clause in the imperative; empty when nothing.
    package var advice: String

    /// A finding; control characters in the texts are replaced.
    package init(_ subject: String, _ verdict: Verdict, _ text: String, advice: String = "") {
        self.subject = subject
        self.verdict = verdict
        // Azure's text goes to a terminal, which its control characters must not reach.
        self.text = LogText.sanitized(text)
        self.advice = LogText.sanitized(advice)
    }
}
