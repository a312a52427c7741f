internal import AzureBackend
internal import Configuration
internal import ControllerProgram
internal import Gateway
internal import Kubernetes
internal import LinuxIO
internal import PodConnection
internal import PodVMLifecycle
internal import Telemetry

/// The program `cloud-api-adaptor`.
public enum CloudAPIAdaptorCommand {
    /// Runs the command that `arguments`, without the program's name, ask for; returns the exit status.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        Privileges.hideMemory()
        return run(arguments, environment: environment, output: .process)
    }

    static func run(_ arguments: [String], environment: [String: String], output: Program.Output) -> Int32 {
        let program = program(output: output)
        guard arguments.isEmpty else { return program.run(arguments, environment: environment) }
        do throws(ConfigurationError) {
            let arguments = try ContainerStart.arguments(for: environment) ?? []
            return program.run(arguments, environment: environment)
        } catch {
            for problem in error.problems { output.error("\(problem)\n") }
            return program.usageStatus
        }
    }

    private static func program(output: Program.Output) -> Program {
        Program(
            "cloud-api-adaptor", version: ProjectVersion.text,
            summary: "run each pod in a virtual machine in a cloud, for kata's remote hypervisor",
            entries: [azure, GatewayCommand.entry, ControllerCommand.entry], output: output)
    }

    private static let azure = Program.Entry(rereading: "azure", AzureConfiguration.command, serveAzure)

    private static func serveAzure(
        _ configuration: AzureConfiguration, _ reread: @escaping ConfigurationReloader<AzureConfiguration>.Reread,
        _ environment: [String: String]
    ) throws(ConfigurationError) -> Int32 {
        // With the fake Azure, the other settings are known only once it runs.
        let problems = configuration.cloud.problems
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return try serve(
            configuration.adaptor, AzureConfiguration.command.values(of: configuration),
            warnings: configuration.cloud.warnings, environment
        ) { loop, logger, metrics in
            try await Cloud.azure(
                configuration, rereading: reread, environment: environment, on: loop, logger: logger, metrics: metrics)
        }
    }

    /// Runs the daemon. A failure to start is logged, and the exit status is 1.
    private static func serve(
        _ configuration: AdaptorConfiguration, _ values: [(name: String, value: String)],
        warnings: [String], _ environment: [String: String], _ makeCloud: @escaping Cloud.Factory
    ) throws(ConfigurationError) -> Int32 {
        let options = try configuration.connection.options()
        let cluster = try configuration.cluster.configuredIdentity()
        let logger = Logger(level: configuration.logLevel, format: configuration.logFormat)
        logger.info("cloud-api-adaptor \(ProjectVersion.text)", values.map { LogField($0.name, $0.value) })
        for warning in configuration.warnings + warnings { logger.warning(warning) }
        let daemon = Daemon(
            configuration: configuration, connectorOptions: options, cluster: cluster, environment: environment,
            logger: logger, makeCloud: makeCloud, proxyTimeout: ProxyTimeout(configuration.proxyTimeout))
        do {
            return try EpollLoop.run { loop in try await daemon.run(on: loop) }
        } catch {
            logger.error("cloud-api-adaptor exits because of an error", [LogField("error", error)])
            return 1
        }
    }
}
