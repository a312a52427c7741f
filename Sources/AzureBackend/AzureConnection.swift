package import AzurePreflight
package import AzureProvider
internal import Configuration
package import FakeAzureLauncher
internal import HTTPTransport
package import LinuxIO
internal import PodVMLifecycle
internal import TLS
package import Telemetry

/// Azure as an adaptor's cloud: the provider with its HTTP client, and the check of the account; for tests with the fake
/// Azure, which is then a child of this process.
package struct AzureConnection: Sendable {
    /// Creates, lists and deletes the VMs.
    package let provider: AzureProvider
    /// Run from before the first request to the provider until after the last.
    package let services: [@Sendable () async throws -> Void]
    /// How this node reaches the fake's VMs; nil without the fake.
    package var fakeMachines: FakeAzureAnnouncement.Machines? { fake?.announcement.machines }
    private let fake: FakeAzureProcess?
    private let verification: AzureVerification
    private let environment: [String: String]
    private let logger: Logger

    /// Azure as it is configured, or a fake Azure that is started for this process with these further flags. Nothing is sent
    /// to Azure yet. `situation` is what the check has to know of the adaptor.
    ///
    /// - Throws: ``FakeAzureError``, `ConfigurationError` and what the HTTP client or the SSH key file fails with.
    package static func open(
        _ settings: AzureSettings, _ situation: AzureCheck.Situation, fakeArguments: [String],
        environment: [String: String], on loop: EpollLoop, logger: Logger, metrics: Metrics
    ) async throws -> AzureConnection {
        guard settings.usesFake else {
            return try AzureConnection(settings.azure, situation, nil, environment, on: loop, logger, metrics)
        }
        let fake = try await FakeAzureProcess.start(
            settings.fake, arguments: fakeArguments, environment: environment, on: loop, logger: logger)
        do {
            logger.redactor?.hide(fake.announcement.secret)
            logger.warning(
                "Using a fake Azure: confidential pods run as processes of this node"
                    + (SystemInfo.isRoot ? ", as root," : "") + " and nothing protects them from it; for tests only",
                [LogField("endpoint", fake.announcement.endpoint)])
            var options = settings.azure
            options.replaceAccount(from: fake.announcement.environment)
            return try AzureConnection(options, situation, fake, environment, on: loop, logger, metrics)
        } catch {
            await fake.end()
            throw error
        }
    }

    /// The provider for these options, and its services; the process of the fake is one of them.
    private init(
        _ options: AzureOptions, _ situation: AzureCheck.Situation, _ fake: FakeAzureProcess?,
        _ environment: [String: String], on loop: EpollLoop, _ logger: Logger, _ metrics: Metrics
    ) throws {
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
        var services: [@Sendable () async throws -> Void] = [{ try await sender.run() }, { await provider.run() }]
        if let fake { services.append { try await fake.run() } }
        self.provider = provider
        self.services = services
        self.fake = fake
        self.environment = environment
        self.logger = logger
        verification = AzureVerification(options, situation, sender: sender, on: loop, logger: logger)
    }

    /// The settings with the account that is in use: with the fake, the fake's.
    package func withAccount(_ settings: AzureSettings) -> AzureSettings {
        guard let fake else { return settings }
        var settings = settings
        settings.azure.replaceAccount(from: fake.announcement.environment)
        return settings
    }

    /// Why these settings contradict the use of the fake, a sentence each. Without the fake, ``use(_:)`` checks settings.
    package func problems(of settings: AzureSettings) -> [String] { fake == nil ? [] : settings.problems }

    /// Uses other settings for VMs that are created from now on. Settings that cannot change are ignored.
    ///
    /// - Throws: `ConfigurationError`, or what the SSH key file fails with; then nothing changes.
    package func use(_ options: AzureOptions) throws {
        let key = try SSHPublicKey.configured(at: options.sshKeyPath, environment: environment, logger: logger)
        do throws(ProviderError) {
            try provider.use(options, sshPublicKey: key.description)
        } catch {
            throw ConfigurationError(error.detail)
        }
    }

    /// Checks whether a pod could start in Azure; throws when no pod could.
    package func verify() async throws { try await verification.run() }

    /// Ends the fake, if it is used. To be called once the services have ended.
    package func end() async { await fake?.end() }
}
