internal import AzureProvider
internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import TLS
internal import Telemetry

extension Cloud {
    /// Azure as it is configured, or a fake Azure that is started for this process. Nothing is sent to it yet.
    ///
    /// - Throws: ``FakeAzureError``, `ConfigurationError` and what the HTTP client or the SSH key file fails with.
    static func azure(
        _ configuration: AzureConfiguration, environment: [String: String], on loop: EpollLoop, logger: Logger,
        metrics: Metrics
    ) async throws -> Cloud {
        var client = HTTPClient.Options()
        guard configuration.usesFake else {
            client.environment = environment
            return try azure(
                configuration.azure, configuration.adaptor, client, environment, on: loop, logger: logger,
                metrics: metrics)
        }
        let fake = try await FakeAzureProcess.start(configuration, environment: environment, on: loop, logger: logger)
        do {
            logger.redactor?.hide(fake.announcement.secret)
            logger.warning(
                "Using a fake Azure: confidential pods run as processes of this node"
                    + (SystemInfo.isRoot ? ", as root," : "") + " and nothing protects them from it; for tests only",
                [LogField("endpoint", fake.announcement.endpoint)])
            var options = configuration.azure
            options.use(fake.announcement)
            // No proxy: the fake serves on a loopback address.
            client.environment = [:]
            return try azure(
                options, configuration.adaptor, client, environment, of: fake, on: loop, logger: logger,
                metrics: metrics)
        } catch {
            await fake.end()
            throw error
        }
    }

    /// The provider for these options, and its services; with `fake`, which then is one of them.
    private static func azure(
        _ options: AzureOptions, _ adaptor: AdaptorConfiguration, _ client: HTTPClient.Options,
        _ environment: [String: String], of fake: FakeAzureProcess? = nil, on loop: EpollLoop, logger: Logger,
        metrics: Metrics
    ) throws -> Cloud {
        guard options.problems.isEmpty else { throw ConfigurationError(options.problems) }
        var client = client
        if !options.authorityFile.isEmpty { client.authorityFile = options.authorityFile }
        client.userAgent = "cloud-api-adaptor/\(ProjectVersion.text)"
        let sender = try HTTPClient(client, on: loop, logger: logger)
        let provider = try AzureProvider(
            options, sender: sender, sshPublicKey: try sshKey(options, environment, logger), on: loop, logger: logger,
            metrics: metrics)
        let verification = AzureVerification(adaptor, options, sender: sender, on: loop, logger: logger)
        var cloud = Cloud(
            provider: provider, services: [{ try await sender.run() }, { await provider.run() }],
            verify: { try await verification.run() })
        if let fake { cloud.rely(on: fake) }
        return cloud
    }

    /// Makes the fake Azure's process a service, and ends it after the services.
    private mutating func rely(on fake: FakeAzureProcess) {
        services.append { try await fake.run() }
        reach = fake.announcement.reach
        isFake = true
        end = { await fake.end() }
    }

    private static func sshKey(
        _ options: AzureOptions, _ environment: [String: String], _ logger: Logger
    ) throws(SSHKeyError) -> String {
        let path = options.sshKeyPath
        if path.isEmpty { return try SSHPublicKey.makeWithoutPrivateKey().description }
        if let warning = SSHPublicKey.modeWarning(path, environment: environment) { logger.warning(warning) }
        return try SSHPublicKey.read(path, environment: environment).description
    }
}
