internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import Preflight
internal import Telemetry

/// The frame of the commands `peerpodctl check …`: the checks, and the report.
struct CheckRun: Sendable {
    /// The whole command, such as `peerpodctl check node`.
    let command: String
    let isJSON: Bool
    let output: Program.Output

    /// Runs the checks, prints the findings, and returns the exit status.
    func run(
        _ options: HTTPClient.Options,
        _ checks: @escaping @Sendable (EpollLoop, HTTPClient, Logger) async -> [Finding]
    ) -> Int32 {
        do {
            let begin = ContinuousClock.now
            guard let findings = try LoopFrame.run(options, checks) else { return ExitStatus.interrupted }
            let report = FindingReport(findings)
            output.standard(isJSON ? report.json : report.text(took: (ContinuousClock.now - begin).text))
            return report.status
        } catch {
            output.error("\(command): \(error)\n")
            return ExitStatus.failure
        }
    }
}
