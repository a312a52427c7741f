package import AzureProvider
package import HTTPTransport
package import LinuxIO
internal import Preflight
package import Telemetry

/// The check of Azure before the first pod for `-cloud-config-verify`: the check of `peerpodctl check azure`, with log
/// lines.
package struct AzureVerification: Sendable {
    private let options: AzureOptions
    private let situation: AzureCheck.Situation
    private let sender: any HTTPSender
    private let loop: EpollLoop
    private let logger: Logger

    /// No pod could start in Azure; the findings have been logged.
    struct Failed: Error, CustomStringConvertible {
        /// Each reason, with its subject.
        let description: String
    }

    /// A check with these options.
    package init(
        _ options: AzureOptions, _ situation: AzureCheck.Situation, sender: any HTTPSender, on loop: EpollLoop,
        logger: Logger
    ) {
        self.options = options
        self.situation = situation
        self.sender = sender
        self.loop = loop
        self.logger = logger
    }

    /// Checks Azure and logs the findings.
    ///
    /// - Throws: ``Failed`` when no pod could start. An unknown result is only logged: Azure may be unreachable at the
    ///   moment, and an adaptor that waits for Azure is better than an adaptor that does not start.
    package func run() async throws {
        let findings = await AzureCheck(options, situation, sender: sender, on: loop, logger: logger).run()
        try Task.checkCancellation()
        for finding in findings { log(finding) }
        let failed = findings.filter { $0.verdict == .failed }
        guard failed.isEmpty else {
            throw Failed(
                description: "No pod could start in Azure: "
                    + failed.map { "\($0.subject): \($0.text)" }.joined(separator: "; "))
        }
        logger.info(
            "The check of Azure found nothing that keeps pods from starting", [LogField("findings", findings.count)])
    }

    private func log(_ finding: Finding) {
        var fields = [LogField("subject", finding.subject), LogField("verdict", finding.verdict.rawValue)]
        if !finding.advice.isEmpty { fields.append(LogField("advice", finding.advice)) }
        switch finding.verdict {
        case .ok: logger.debug(finding.text, fields)
        case .warning, .unknown: logger.warning(finding.text, fields)
        case .failed: logger.error(finding.text, fields)
        }
    }
}
