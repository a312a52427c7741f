internal import AzurePreflight
internal import AzureProvider
internal import HTTPTransport
internal import LinuxIO
internal import PodConnection
internal import Telemetry

/// What `-cloud-config-verify` asks of Azure before the first pod: the same as `peerpodctl check azure`.
struct AzureVerification: Sendable {
    let options: AzureOptions
    let situation: AzureCheck.Situation
    let sender: any HTTPSender
    let loop: EpollLoop
    let logger: Logger

    /// No pod could start in Azure; the findings have been logged.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    init(
        _ configuration: AdaptorConfiguration, _ options: AzureOptions, sender: any HTTPSender, on loop: EpollLoop,
        logger: Logger
    ) {
        self.options = options
        var situation = AzureCheck.Situation()
        situation.forwarderPort = configuration.connection.forwarderPort
        situation.vxlanPort = configuration.connection.network.vxlanPort
        situation.initdataSize = configuration.connection.initdata.reveal().utf8.count
        self.situation = situation
        self.sender = sender
        self.loop = loop
        self.logger = logger
    }

    /// Logs the findings.
    ///
    /// - Throws: ``Failed`` when no pod could start. What is not known is only logged: Azure may be unreachable at the moment,
    ///   and an adaptor that waits for it is better than one that does not start.
    func run() async throws {
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
