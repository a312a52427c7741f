internal import AzurePreflight
internal import AzureProvider
internal import HTTPTransport
internal import LinuxIO
internal import Telemetry

/// What `-cloud-config-verify` asks of Azure before the first pod: the same as `peerpodctl check azure`.
struct AzureVerification: Sendable {
    let options: AzureOptions
    let situation: AzureCheck.Situation
    let sender: any HTTPSender
    let loop: EpollLoop
    let logger: Logger

    /// Azure would not let a pod start; what is wrong has been logged.
    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    init(
        _ configuration: AdaptorConfiguration, _ options: AzureOptions, sender: any HTTPSender, on loop: EpollLoop,
        logger: Logger
    ) {
        self.options = options
        var situation = AzureCheck.Situation()
        situation.forwarderPort = configuration.forwarderPort
        situation.vxlanPort = configuration.network.vxlanPort
        situation.initdataSize = configuration.initdata.reveal().utf8.count
        self.situation = situation
        self.sender = sender
        self.loop = loop
        self.logger = logger
    }

    /// Logs what Azure says.
    ///
    /// - Throws: ``Failed`` when no pod could start. What Azure did not say is only logged: it may be away just now, and an
    ///   adaptor that waits for it is worth more than none.
    func run() async throws {
        let findings = await AzureCheck(options, situation, sender: sender, on: loop, logger: logger).run()
        try Task.checkCancellation()
        for finding in findings { log(finding) }
        let failed = findings.filter { $0.verdict == .failed }
        guard failed.isEmpty else {
            throw Failed(
                description: "no pod could start in Azure: "
                    + failed.map { "\($0.subject): \($0.text)" }.joined(separator: "; "))
        }
        logger.info("Azure lets pods start, as far as it says", [LogField("findings", findings.count)])
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
