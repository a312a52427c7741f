internal import AzureProvider
internal import Configuration
internal import LinuxIO
internal import TLS
internal import Telemetry

/// Reads the settings again, gives the provider those of Azure that can change while it runs, and returns the others.
struct AzureReload: Sendable {
    /// Parses the command line, the environment and the settings file again.
    typealias Reread = @Sendable () throws(ConfigurationError) -> AzureConfiguration

    private let provider: AzureProvider
    private let reread: Reread
    private let environment: [String: String]
    private let logger: Logger
    private let started: AzureConfiguration
    private let last: Lock<AzureConfiguration>

    /// The flags of the settings that can change.
    private static let names = Set(AzureOptions.settings.map(\.name)).subtracting(AzureOptions.fixedSettings)
        .union(["proxy-timeout"])

    init(
        provider: AzureProvider, started: AzureConfiguration, reread: @escaping Reread, environment: [String: String],
        logger: Logger
    ) {
        self.provider = provider
        self.reread = reread
        self.environment = environment
        self.logger = logger
        self.started = started
        last = Lock(started)
    }

    /// - Throws: `ConfigurationError`, or what the provider or the SSH key file fails with; then nothing changes.
    func run() throws -> Cloud.Reloaded {
        let new = try reread()
        let key = try SSHPublicKey.configured(at: new.azure.sshKeyPath, environment: environment, logger: logger)
        try provider.use(new.azure, sshPublicKey: key.description)
        let before = last.withLock { last in
            defer { last = new }
            return last
        }
        let ignored = Self.differences(of: new, from: started).filter { !Self.names.contains($0.name) }
        return Cloud.Reloaded(
            changed: Self.differences(of: new, from: before).filter { Self.names.contains($0.name) },
            ignored: ignored.map(\.name), proxyTimeout: new.adaptor.proxyTimeout)
    }

    private static func differences(
        of new: AzureConfiguration, from old: AzureConfiguration
    ) -> [(name: String, value: String)] {
        zip(AzureConfiguration.command.values(of: new), AzureConfiguration.command.values(of: old))
            .filter { $0.value != $1.value }.map(\.0)
    }
}
