internal import Telemetry

/// The result of one check before there are pods.
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

    /// The longest text of a finding, in characters. The texts of other programs may have megabytes.
    private static let limit = 2000

    /// What was checked: `image`, `quota`.
    package var subject: String
    /// What the finding means for pods.
    package var verdict: Verdict
    /// The result, as a clause that names the objects.
    package var text: String
    /// The next step, as a clause in the imperative; empty if there is none.
    package var advice: String

    /// A finding; characters in the texts that control a terminal are replaced.
    package init(_ subject: String, _ verdict: Verdict, _ text: String, advice: String = "") {
        self.subject = subject
        self.verdict = verdict
        self.text = Self.shown(text)
        self.advice = Self.shown(advice)
    }

    private static func shown(_ text: String) -> String {
        let start = text.unicodeScalars.prefix(limit + 1)
        let cut = start.count > limit ? String(String.UnicodeScalarView(start.dropLast())) + "…" : text
        return cut.printable()
    }
}
