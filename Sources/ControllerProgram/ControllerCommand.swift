public import Configuration
internal import LinuxIO
internal import Telemetry

/// `cloud-api-adaptor controller`: the cluster's controller.
public enum ControllerCommand {
    /// The command, for the program's list.
    public static let entry = Program.Entry("controller", ControllerConfiguration.command) {
        configuration, _, environment throws(ConfigurationError) in
        let problems = configuration.problems
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        let listen: SocketAddress
        do throws(AddressError) {
            listen = try SocketAddress(parsing: configuration.listen)
        } catch {
            throw ConfigurationError("-listen: \(error)")
        }
        let logger = Logger(level: configuration.logLevel, format: configuration.logFormat)
        logger.info(
            "cloud-api-adaptor controller \(ProjectVersion.text)",
            ControllerConfiguration.command.values(of: configuration).map { LogField($0.name, $0.value) })
        do {
            try EpollLoop.run { loop in
                try await ControllerDaemon(configuration, listen: listen, environment, logger: logger).run(on: loop)
            }
            logger.info("Stopped")
            return 0
        } catch {
            logger.error("The controller exits because of an error", [LogField("error", error)])
            return 1
        }
    }
}
