internal import AzurePreflight
internal import AzureProvider
internal import Configuration
internal import FakeAzureLauncher
internal import HTTPTransport
internal import LinuxIO
internal import PodConnection
internal import PodVMLifecycle
internal import TLS
internal import Telemetry

extension Cloud {
    /// Azure as it is configured, or a fake Azure that is started for this process. Nothing is sent to it yet.
    ///
    /// - Throws: ``FakeAzureError``, `ConfigurationError` and what the HTTP client or the SSH key file fails with.
    static func azure(
        _ configuration: AzureConfiguration, rereading reread: @escaping AzureReload.Reread,
        environment: [String: String], on loop: EpollLoop, logger: Logger, metrics: Metrics
    ) async throws -> Cloud {
        guard configuration.usesFake else {
            return try azure(configuration, reread, environment, on: loop, logger: logger, metrics: metrics)
        }
        let fake = try await FakeAzureProcess.start(
            configuration.fakeSettings, arguments: configuration.fakeArguments, environment: environment, on: loop,
            logger: logger)
        do {
            logger.redactor?.hide(fake.announcement.secret)
            logger.warning(
                "Using a fake Azure: confidential pods run as processes of this node"
                    + (SystemInfo.isRoot ? ", as root," : "") + " and nothing protects them from it; for tests only",
                [LogField("endpoint", fake.announcement.endpoint)])
            var configuration = configuration
            let account = fake.announcement.environment
            configuration.azure.replaceAccount(from: account)
            let rereadWithAccount = { @Sendable () throws(ConfigurationError) -> AzureConfiguration in
                var configuration = try reread()
                let problems = configuration.problems
                guard problems.isEmpty else { throw ConfigurationError(problems) }
                configuration.azure.replaceAccount(from: account)
                return configuration
            }
            return try azure(
                configuration, rereadWithAccount, environment, of: fake, on: loop, logger: logger, metrics: metrics)
        } catch {
            await fake.end()
            throw error
        }
    }

    /// The provider for this configuration, and its services; with `fake`, which then is one of them.
    private static func azure(
        _ configuration: AzureConfiguration, _ reread: @escaping AzureReload.Reread, _ environment: [String: String],
        of fake: FakeAzureProcess? = nil, on loop: EpollLoop, logger: Logger, metrics: Metrics
    ) throws -> Cloud {
        let options = configuration.azure
        guard options.problems.isEmpty else { throw ConfigurationError(options.problems) }
        var client = HTTPClient.Options()
        // No proxy for the fake: its address is a loopback address.
        client.environment = fake == nil ? environment : [:]
        if !options.authorityFile.isEmpty { client.authorityFile = options.authorityFile }
        client.userAgent = "cloud-api-adaptor/\(ProjectVersion.text)"
        let sender = try HTTPClient(client, on: loop, logger: logger)
        let key = try SSHPublicKey.configured(at: options.sshKeyPath, environment: environment, logger: logger)
        let provider = try AzureProvider(
            options, sender: sender, sshPublicKey: key.description, on: loop, logger: logger, metrics: metrics)
        let connection = configuration.adaptor.connection
        let situation = AzureCheck.Situation(
            forwarderPort: connection.forwarderPort, vxlanPort: connection.network.vxlanPort,
            initdataSize: connection.initdata.reveal().utf8.count)
        let verification = AzureVerification(options, situation, sender: sender, on: loop, logger: logger)
        var cloud = Cloud(
            provider: provider, services: [{ try await sender.run() }, { await provider.run() }],
            verify: { try await verification.run() })
        let reload = AzureReload(
            provider: provider, started: configuration, reread: reread, environment: environment, logger: logger)
        cloud.reload = { try reload.run() }
        if let fake { cloud.rely(on: fake) }
        return cloud
    }

    /// Makes the fake Azure's process a service, and ends it after the services.
    private mutating func rely(on fake: FakeAzureProcess) {
        services.append { try await fake.run() }
        reach =
            switch fake.announcement.machines {
            case .network(let interface): .network(interface: interface)
            case .loopback(let reason): .loopback(reason: "the fake's VMs have loopback addresses: \(reason)")
            }
        isFake = true
        end = { await fake.end() }
    }
}
