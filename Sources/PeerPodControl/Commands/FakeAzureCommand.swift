internal import Configuration
internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// What the flags of `peerpodctl fake-azure` fill in.
struct FakeAzureSettings: Sendable {
    var azure = LocalAzureOptions()
    var listen = "127.0.0.1:0"
    var forwarderPort = 15150
    var environmentFile = ""
    var logLevel = LogLevel.info

    static let command = Command(
        "peerpodctl fake-azure", summary: "run a fake Azure on this machine, for any number of adaptors",
        details: """
            Azure's Resource Manager, token endpoint and metadata services, in front of pod VMs that are process trees \
            of this machine. Prints the environment of an adaptor that uses it, a NAME=value a line, then serves until \
            SIGTERM. VMs outlive it.

                peerpodctl fake-azure -listen 127.0.0.1:8081 -env-file /tmp/azure.env &
                env $(cat /tmp/azure.env) cloud-api-adaptor azure

            Whoever reaches it may do what the account may: it is for tests. Only this machine may reach /control, \
            where scenario, state and recording are.
            """,
        defaults: FakeAzureSettings(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "listen", \Self.listen, .string("ADDRESS:PORT"),
                        "Where it listens; port 0 takes any free one."),
                    Setting("tls", \.azure.usesTLS, .bool, "Speak TLS, with a certificate made at the start."),
                    Setting(
                        "forwarder-port", environment: "FORWARDER_PORT", \.forwarderPort, .integer(in: 1...65535),
                        "The TCP port of the VMs' forwarders, which the adaptors must be told too."),
                    Setting(
                        "env-file", \.environmentFile, .path,
                        "Write the environment there, all at once and readable by you alone, instead of printing it."),
                    Setting(
                        "log-level", environment: "LOG_LEVEL", \.logLevel,
                        .choice(LogLevel.allCases.map { ($0.description, $0) }), "The least level that is logged."),
                ] + LocalAzureOptions.settings(prefix: "").map { $0.within(\.azure) })
        ])

    /// The fake's options; throws when it could not listen where it is told to.
    func options() throws(ConfigurationError) -> LocalAzureOptions {
        var options = azure
        options.forwarderPort = UInt16(clamping: forwarderPort)
        do throws(AddressError) {
            options.listen = try SocketAddress(parsing: listen)
        } catch {
            throw ConfigurationError("-listen: \(error)")
        }
        return options
    }
}

/// `peerpodctl fake-azure`, once its flags are read.
struct FakeAzureCommand: Sendable {
    let options: LocalAzureOptions
    let environmentFile: String
    let logger: Logger
    let output: Program.Output

    /// Serves until a signal comes; returns the exit status.
    func run() -> Int32 {
        Signals.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        do {
            return try EpollLoop.run { loop in
                let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
                let azure = try LocalAzure(options, on: loop, logger: logger)
                try tell(azure.account)
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await azure.run() }
                    group.addTask { _ = try await signals.next() }
                    defer { group.cancelAll() }
                    try await group.next()
                    logger.info("Stopped; resources and VMs stay in \(options.stateDirectory)")
                    return ExitStatus.success
                }
            }
        } catch {
            output.error("peerpodctl fake-azure: \(error)\n")
            return ExitStatus.failure
        }
    }

    private func tell(_ account: FakeAzureAccount) throws {
        logger.info("Serving", [LogField("endpoint", account.managementEndpoint)])
        // Nothing in it needs quotes: ids, paths of ARM and URLs.
        let lines = account.environment.map { "\($0.name)=\($0.value)\n" }.joined()
        if environmentFile.isEmpty {
            output.standard(lines)
        } else {
            try DurableFile.write(Array(lines.utf8), to: environmentFile)
        }
    }
}
