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
        /// Unknown: no permission to read it, no answer, or an unreadable answer.
        case unknown
    }

    /// What was checked: `image`, `quota`.
    package var subject: String
    /// What the finding means for pods.
    package var verdict: Verdict
    /// The result, as a clause that names the objects.
    package var text: String
    /// The next step, as a clause in the imperative; empty if there is none.
    package var advice: String

    /// A finding; control characters in the texts are replaced.
    package init(_ subject: String, _ verdict: Verdict, _ text: String, advice: String = "") {
        self.subject = subject
        self.verdict = verdict
        // The text of Azure is printed on a terminal, which must not receive control characters.
        self.text = LogText.sanitized(text)
        self.advice = LogText.sanitized(advice)
    }
}
