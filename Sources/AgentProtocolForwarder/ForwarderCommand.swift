internal import Configuration
internal import LinuxIO
internal import PodNetwork
internal import PodVMBoot
internal import ProcessHardening
internal import Telemetry

/// `agent-protocol-forwarder`: the command that its arguments select.
public enum ForwarderCommand {
    /// Serves, or runs the subcommand of the first argument. Returns the exit status.
    ///
    /// Started under the name `process-user-data`, it provisions. `arguments` do not have the program's path. The status is 0 after an orderly stop. It is 1 when the program
    /// could not start; standard error then has a sentence with the reason.
    public static func main(arguments: [String], environment: [String: String]) -> Int32 {
        Privileges.hideMemory()
        if Process.name == ProcessUserData.name {
            return ProcessUserData.program(.process, dropsPrivileges: true).run(arguments, environment: environment)
        }
        return program(output: .process, dropsPrivileges: true) { Logger(level: $0, format: $1) }
            .run(arguments, environment: environment)
    }

    /// Without `dropsPrivileges` the process keeps its privileges in every case.
    static func program(
        output: Program.Output, dropsPrivileges: Bool = false,
        logger: @escaping @Sendable (LogLevel, Logger.Format) -> Logger
    ) -> Program {
        let version = "\(ForwarderOptions.command.name) \(ProjectVersion.text)\n"
        return Program(
            ForwarderOptions.command.name, version: ProjectVersion.text, summary: ForwarderOptions.command.summary,
            entries: [ProvisionCommand.entry(output: output, dropsPrivileges: dropsPrivileges)],
            main: Program.Entry("", ForwarderOptions.command) { (options, _, environment) throws(ConfigurationError) in
                if options.showsVersion {
                    output.standard(version)
                    return 0
                }
                return serve(
                    options, environment, dropsPrivileges: dropsPrivileges,
                    logger(options.logLevel, options.logFormat))
            }, output: output)
    }

    private static func serve(
        _ options: ForwarderOptions, _ environment: [String: String], dropsPrivileges: Bool, _ logger: Logger
    ) -> Int32 {
        let kept = ServiceManagerStore.takeKept(environment: environment)
        do {
            let setup = try ForwarderSetup(options)
            let logger = logger.with("pod", setup.document.podName).with("namespace", setup.document.podNamespace)
            if setup.security == nil {
                logger.warning("TLS is off: every client that reaches \(options.listen) controls the agent")
            }
            if options.tls.skipsVerification { logger.warning("-tls-skip-verify has no effect: clients are verified") }
            if setup.network?.isExternalThroughVM == true {
                logger.warning(
                    "external-net-via-pod-vm is not supported: the pod's traffic to the outside goes through its node"
                )
            }
            if options.offersMetadata, setup.network == nil {
                logger.warning("-pod-metadata has no effect: the boot document describes no pod network")
            }
            SystemInfo.raiseDescriptorLimit()
            SystemInfo.returnFreedMemory()
            try EpollLoop.run { loop in
                let signals = try Signals([Signals.terminate, Signals.interrupt], on: loop)
                var network: PodVMService.Network?
                if let wanted = setup.network {
                    network = try await join(wanted, unless: signals, on: loop, logger)
                    if network == nil { return logger.info("Stopped before the pod's network was up") }
                }
                let forwarder = try Forwarder(
                    setup, options, network: network, store: ServiceManagerStore(environment: environment), kept: kept,
                    on: loop, logger: logger)
                if dropsPrivileges {
                    try Hardening.forwarder(entersNetworks: network != nil)
                        .apply(options.systemCallFilter, logger: logger)
                }
                let values = ForwarderOptions.command.values(of: options).filter { !$0.value.isEmpty }
                // The kernel may have chosen the port.
                logger.info(
                    "serving", values.map { LogField($0.name, $0.value) } + [LogField("listen", forwarder.address)])
                try await forwarder.run(until: signals, environment: environment)
            }
            return 0
        } catch {
            logger.error("Cannot serve: \(error)")
            return 1
        }
    }

    /// Sets up the VM's end of the pod's network. It may wait for the VM's own network. Returns nil if a signal came
    /// first.
    private static func join(
        _ network: GuestNetwork, unless signals: Signals, on loop: EpollLoop, _ logger: Logger
    ) async throws -> PodVMService.Network? {
        let networks = try PodNetworkExecutor(parallel: 2, logger: logger)
        return try await withThrowingTaskGroup(of: GuestNetworkPlan?.self) { group in
            group.addTask { try await network.setUp(networks, on: loop, logger: logger) }
            group.addTask {
                _ = try await signals.next()
                return nil
            }
            defer { group.cancelAll() }
            guard let plan = try await group.next() ?? nil else { return nil }
            return PodVMService.Network(networks: networks, plan: plan, namespace: network.namespace)
        }
    }
}
