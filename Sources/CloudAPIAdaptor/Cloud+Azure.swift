internal import AzureProvider
internal import Configuration
internal import FakeCloud
internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import TLS
internal import Telemetry

extension Cloud {
    /// Azure as it is configured, or the one of this process. Nothing is sent to it yet.
    static func azure(
        _ configuration: AzureConfiguration, environment: [String: String], on loop: EpollLoop, logger: Logger,
        metrics: Metrics
    ) throws -> Cloud {
        var options = configuration.azure
        var services: [@Sendable () async throws -> Void] = []
        var reach = Cloud.Reach.network(interface: nil)
        var client = HTTPClient.Options()
        client.environment = environment
        if configuration.usesFake {
            let fake = try LocalAzure(
                configuration.fakeOptions, on: loop, logger: logger.with("component", "fake-azure"))
            options.use(fake.account)
            switch fake.network {
            case .hosts(let interface): reach = .network(interface: interface)
            case .loopback(let reason): reach = .loopback(reason: "the fake's VMs have loopback addresses: \(reason)")
            }
            services.append { try await fake.run() }
            // Nobody's proxy leads to this process.
            client.environment = [:]
            logger.warning(
                "Using a fake Azure: confidential pods run as processes of this node"
                    + (SystemInfo.isRoot ? ", as root," : "") + " and nothing protects them from it; for tests only",
                [LogField("endpoint", fake.account.managementEndpoint)])
        }
        guard options.problems.isEmpty else { throw ConfigurationError(options.problems) }
        if !options.authorityFile.isEmpty { client.authorityFile = options.authorityFile }
        client.userAgent = "cloud-api-adaptor/\(ProjectVersion.text)"
        let sender = try HTTPClient(client, on: loop, logger: logger)
        services.append { try await sender.run() }
        let provider = try AzureProvider(
            options, sender: sender, sshPublicKey: try sshKey(options, environment, logger), on: loop, logger: logger,
            metrics: metrics)
        services.append { await provider.run() }
        let verification = AzureVerification(configuration.adaptor, options, sender: sender, on: loop, logger: logger)
        return Cloud(
            provider: provider, services: services, reach: reach, startsPrograms: configuration.usesFake,
            verify: { try await verification.run() })
    }

    private static func sshKey(
        _ options: AzureOptions, _ environment: [String: String], _ logger: Logger
    ) throws(SSHKeyError) -> String {
        let path = options.sshKeyPath
        if path.isEmpty { return try SSHPublicKey.makeForNobody().description }
        if let warning = SSHPublicKey.modeWarning(path, environment: environment) { logger.warning(warning) }
        return try SSHPublicKey.read(path, environment: environment).description
    }
}
