package import Configuration
internal import LinuxIO
internal import ProcessHardening
internal import Telemetry

/// `cloud-api-adaptor gateway`: the process that holds the shims' connections.
package enum GatewayCommand {
    static let command = Command(
        "cloud-api-adaptor gateway", summary: "hold the shims' connections, so that they outlive the adaptor",
        details: """
            Serves kata's hypervisor socket and every sandbox's agent socket, and connects to the pod VMs. An adaptor \
            that is started with -gateway attaches to the gateway, serves the hypervisor calls, and opens and closes \
            the agent sockets. The adaptor can then restart, crash or be upgraded while pods run.

            Start the gateway before the adaptor, with the same -socket and -pods-dir:

                cloud-api-adaptor gateway
                cloud-api-adaptor azure -gateway /run/peerpod/gateway.sock

            While no adaptor is attached, calls wait for the next one until their own deadline. StopVM is answered at \
            once: the gateway marks the sandbox as stopped, and the next adaptor deletes its VM.

            A gateway that is started while another one runs takes over the sockets, and serves all new pods. The \
            other one keeps the connections of its pods, and exits when the last of them has ended.

            The gateway needs no network set-up, no cloud and no capability.
            """,
        defaults: GatewayOptions(), sections: [.init("Flags", GatewayOptions.settings)])

    /// The entry of the program `cloud-api-adaptor`.
    package static let entry = Program.Entry("gateway", command) { options, _, environment throws(ConfigurationError) in
        let logger = Logger(level: options.logLevel, format: options.logFormat)
        logger.info(
            "cloud-api-adaptor gateway \(ProjectVersion.text)",
            command.values(of: options).map { LogField($0.name, $0.value) })
        do {
            try EpollLoop.run { loop in try await serve(options, environment, logger, on: loop) }
            logger.info("Stopped")
            return 0
        } catch {
            logger.error("The gateway exits because of an error", [LogField("error", error)])
            return 1
        }
    }

    /// Serves until a signal comes. A second signal ends the process at once.
    private static func serve(
        _ options: GatewayOptions, _ environment: [String: String], _ logger: Logger, on loop: EpollLoop
    ) async throws {
        let signals = try Signals([Signals.terminate, Signals.interrupt], on: loop)
        Signals.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        let gateway = try await Gateway.start(options, on: loop, logger: logger)
        try Hardening.gateway.apply(options.systemCallFilter, logger: logger)
        ServiceManager.notify("READY=1", environment: environment)
        ProcessMemory.forgetStartUp()
        let stop = Event()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await gateway.run(until: stop) }
            group.addTask {
                let signal = try await signals.next()
                logger.info("Stopping", [LogField("signal", Int(signal))])
                ServiceManager.notify("STOPPING=1", environment: environment)
                stop.set()
                _ = try await signals.next()
                Process.exit(with: 1)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
