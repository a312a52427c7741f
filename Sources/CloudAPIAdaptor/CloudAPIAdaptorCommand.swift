internal import Configuration
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The program `cloud-api-adaptor`.
public enum CloudAPIAdaptorCommand {
    /// Runs what `arguments`, without the program's own name, ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        program(output: .process).run(arguments, environment: environment)
    }

    static func program(output: Program.Output) -> Program {
        Program(
            "cloud-api-adaptor", version: ProjectVersion.text,
            summary: "run each pod in a virtual machine of its own, in a cloud; for kata's remote hypervisor",
            entries: [azure], output: output)
    }

    private static let azure = Program.Entry("azure", AzureConfiguration.command) {
        configuration, _, environment throws(ConfigurationError) in
        try serve(
            configuration.adaptor, AzureConfiguration.command.values(of: configuration),
            warnings: configuration.warnings, environment
        ) { _, _ in throw ProviderError(.rejected, .giveUp, during: "open Azure", "it is not in this build") }
    }

    /// Runs the daemon; what keeps it from starting is logged, and the status 1.
    private static func serve(
        _ configuration: AdaptorConfiguration, _ values: [(name: String, value: String)],
        warnings: [String], _ environment: [String: String], _ makeProvider: @escaping Daemon.ProviderFactory
    ) throws(ConfigurationError) -> Int32 {
        let options = try configuration.connectorOptions()
        let logger = Logger(level: configuration.logLevel, format: configuration.logFormat)
        logger.info("cloud-api-adaptor \(ProjectVersion.text)", values.map { LogField($0.name, $0.value) })
        for warning in warnings { logger.warning(warning) }
        let daemon = Daemon(
            configuration: configuration, connectorOptions: options, environment: environment, logger: logger,
            makeProvider: makeProvider)
        do {
            return try EpollLoop.run { loop in try await daemon.run(on: loop) }
        } catch {
            logger.error("cloud-api-adaptor cannot go on", [LogField("error", error)])
            return 1
        }
    }
}
