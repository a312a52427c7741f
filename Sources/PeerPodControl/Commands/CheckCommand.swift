internal import AzurePreflight
internal import AzureProvider
internal import Configuration
internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// `peerpodctl check azure`, after its flags have been read.
struct CheckCommand: Sendable {
    let options: CheckOptions
    let output: Program.Output

    /// The exit status that the help documents.
    private static let failed: Int32 = 1
    private static let undecided: Int32 = 3

    /// Checks Azure, prints the findings, and returns the exit status.
    func run() -> Int32 {
        Signals.ignoreBrokenPipes()
        do {
            let begin = ContinuousClock.now
            let findings = try EpollLoop.run { loop in try await self.findings(on: loop) }
            guard let findings else { return ExitStatus.interrupted }
            output.standard(
                options.isJSON
                    ? Self.json(findings) : Self.text(findings, took: ContinuousClock.now - begin))
            return Self.status(findings)
        } catch {
            output.error("peerpodctl check azure: \(error)\n")
            return ExitStatus.failure
        }
    }

    /// Returns the findings; nil when interrupted.
    private func findings(on loop: EpollLoop) async throws -> [Finding]? {
        let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
        let logger = Logger(level: .warning, format: .automatic)
        var transport = HTTPClient.Options()
        transport.userAgent = "peerpodctl/\(ProjectVersion.text)"
        transport.authorityFile = options.azure.authorityFile.isEmpty ? nil : options.azure.authorityFile
        let http = try HTTPClient(transport, on: loop, logger: logger)
        return try await withThrowingTaskGroup(of: [Finding]??.self) { group in
            group.addTask {
                try await http.run()
                return nil
            }
            group.addTask {
                _ = try await signals.next()
                return .some(nil)
            }
            group.addTask {
                await AzureCheck(options.azure, options.situation, sender: http, on: loop, logger: logger).run()
            }
            defer { group.cancelAll() }
            while let result = try await group.next() { if let result { return result } }
            return nil
        }
    }

    static func status(_ findings: [Finding]) -> Int32 {
        if findings.contains(where: { $0.verdict == .failed }) { return failed }
        return findings.contains { $0.verdict == .unknown } ? undecided : ExitStatus.success
    }

    /// A line for each finding, a line for its advice, and a summary.
    static func text(_ findings: [Finding], took: Duration) -> String {
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
        lines.append("\(findings.count) findings in \(took.text): \(counts.joined(separator: ", "))")
        return lines.map { $0.printable() + "\n" }.joined()
    }

    private static func word(_ verdict: Finding.Verdict) -> String {
        verdict == .unknown ? "unclear" : verdict.rawValue
    }

    static func json(_ findings: [Finding]) -> String {
        let list = findings.map { finding -> JSONValue in
            [
                "subject": .string(finding.subject), "verdict": .string(finding.verdict.rawValue),
                "text": .string(finding.text), "advice": .string(finding.advice),
            ]
        }
        let document: JSONValue = ["findings": .array(list), "ok": .bool(status(findings) == ExitStatus.success)]
        return String(decoding: document.encoded(indent: 2), as: UTF8.self) + "\n"
    }
}
