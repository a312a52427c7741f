internal import AzureBackend
internal import AzurePreflight
internal import Configuration
internal import FakeAzureLauncher
internal import LinuxIO
internal import PodConnection
internal import Telemetry

extension Cloud {
    /// Azure or the fake Azure, as it is configured.
    static func azure(
        _ configuration: AzureConfiguration,
        rereading reread: @escaping ConfigurationReloader<AzureConfiguration>.Reread,
        environment: [String: String], on loop: EpollLoop, logger: Logger, metrics: Metrics
    ) async throws -> Cloud {
        var settings = configuration.cloud
        settings.fake = configuration.fakeSettings
        let azure = try await AzureConnection.open(
            settings, configuration.situation, fakeArguments: configuration.fakeArguments, environment: environment,
            on: loop, logger: logger, metrics: metrics)
        let withAccount = { @Sendable (read: AzureConfiguration) in
            var configuration = read
            configuration.cloud = azure.withAccount(read.cloud)
            return configuration
        }
        let reloader = ConfigurationReloader(
            AzureConfiguration.command, started: withAccount(configuration),
            changeable: AzureSettings.changeableNames.union(AdaptorConfiguration.changeableNames), logger: logger,
            metrics: metrics
        ) { () throws(ConfigurationError) in
            let new = try reread()
            let problems = azure.problems(of: new.cloud)
            guard problems.isEmpty else { throw ConfigurationError(problems) }
            return withAccount(new)
        }
        var cloud = Cloud(provider: azure.provider, services: azure.services)
        cloud.reload = { use in
            reloader.reload { new in
                try azure.use(new.cloud.azure)
                use(new.adaptor)
            }
        }
        cloud.verify = { try await azure.verify() }
        cloud.end = { await azure.end() }
        cloud.isFake = configuration.cloud.usesFake
        switch azure.fakeMachines {
        case .network(let interface): cloud.reach = .network(interface: interface)
        case .loopback(let reason): cloud.reach = .loopback(reason: "the fake's VMs have loopback addresses: \(reason)")
        case nil: break
        }
        return cloud
    }
}
