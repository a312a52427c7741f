internal import JSON
internal import Telemetry

/// Findings as text, as JSON and as an exit status.
package struct FindingReport: Sendable {
    /// The exit status if something keeps pods from starting.
    package static let failed: Int32 = 1
    /// The exit status if nothing is known to keep pods from starting, but some checks had no answer.
    package static let undecided: Int32 = 3

    /// The findings, in the order of the checks.
    package let findings: [Finding]

    /// A report of these findings.
    package init(_ findings: [Finding]) { self.findings = findings }

    /// 0, ``failed`` or ``undecided``.
    package var status: Int32 {
        if findings.contains(where: { $0.verdict == .failed }) { return Self.failed }
        return findings.contains { $0.verdict == .unknown } ? Self.undecided : 0
    }

    /// A line for each finding, a line for its advice, and a summary. `time` is how long the checks took.
    package func text(took time: String) -> String {
        let width = findings.map(\.subject.count).max() ?? 0
        var lines: [String] = []
        for finding in findings {
            let verdict = Self.word(finding.verdict)
            let head = verdict + String(repeating: " ", count: 9 - verdict.count) + finding.subject
            lines.append(head + String(repeating: " ", count: width + 11 - head.count) + finding.text)
            if !finding.advice.isEmpty {
                lines.append(String(repeating: " ", count: width + 11) + "→ \(finding.advice)")
            }
        }
        let counts = Finding.Verdict.allCases.map { verdict in
            "\(findings.count { $0.verdict == verdict }) \(Self.word(verdict))"
        }
        lines.append("\(findings.count) findings in \(time): \(counts.joined(separator: ", "))")
        return lines.map { $0.printable() + "\n" }.joined()
    }

    private static func word(_ verdict: Finding.Verdict) -> String {
        verdict == .unknown ? "unclear" : verdict.rawValue
    }

    /// The findings as an object of JSON, in lines.
    package var json: String {
        let list = findings.map { finding -> JSONValue in
            [
                "subject": .string(finding.subject), "verdict": .string(finding.verdict.rawValue),
                "text": .string(finding.text), "advice": .string(finding.advice),
            ]
        }
        let document: JSONValue = ["findings": .array(list), "ok": .bool(status == 0)]
        return String(decoding: document.encoded(indent: 2), as: UTF8.self) + "\n"
    }
}
