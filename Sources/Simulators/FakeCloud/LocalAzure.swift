public import LinuxIO
public import Telemetry

/// An Azure of this host: a ``FakeAzure`` in front of ``LocalMachines``.
///
/// Its directory is its alone for as long as it lives:
///
///     lock    machines/    arm/    subnet of machines that are hosts    ca.pem with TLS
///     secret    the account's client secret in this run, for its owner alone
public final class LocalAzure: Sendable {
    /// All that an adaptor must be told.
    public var account: FakeAzureAccount { azure.account }
    private let azure: FakeAzure
    /// How its machines are reached.
    public var network: MachineNetwork { machines.network }
    private let machines: LocalMachines
    private let lock: FileLock

    /// An Azure that serves once ``run()`` runs, with the resources and machines of earlier processes.
    ///
    /// - Throws: ``LocalAzureError``.
    public init(_ options: LocalAzureOptions, on loop: EpollLoop, logger: Logger = .silent) throws(LocalAzureError) {
        var options = options
        // Machines run elsewhere, and sockets' paths are compared.
        if !options.stateDirectory.hasPrefix("/") {
            options.stateDirectory = "\(SystemInfo.workingDirectory)/\(options.stateDirectory)"
        }
        let directory = options.stateDirectory
        do {
            let place = try Directory.own(directory, makingWith: 0o700)
            guard let lock = try FileLock.take("lock", in: place) else {
                throw LocalAzureError(
                    "\(directory) is another process's: give each a directory of its own", isInUse: true)
            }
            self.lock = lock
            var machines = LocalMachines.Options()
            machines.directory = "\(directory)/machines"
            machines.programsDirectory = options.programsDirectory
            machines.isolation = options.network
            machines.forwarderPort = options.forwarderPort
            machines.forwarderFlags = options.forwarderFlags
            let azureOptions = try LocalAzure.azureOptions(options)
            let local = try LocalMachines(machines, on: loop, logger: logger)
            do {
                azure = try FakeAzure(azureOptions, machines: local, on: loop, logger: logger)
            } catch {
                local.close()
                throw error
            }
            self.machines = local
            let secret = azure.account.clientSecret
            logger.redactor?.hide(secret)
            try DurableFile.write(Array("\(secret.reveal())\n".utf8), to: "\(directory)/secret")
        } catch let error as LocalAzureError {
            throw error
        } catch {
            throw LocalAzureError("\(error)")
        }
    }

    deinit { machines.close() }

    /// Serves until cancelled. Machines stay, and with them what connects them.
    public func run() async throws {
        defer { machines.close() }
        try await azure.run()
    }

    private static func azureOptions(_ options: LocalAzureOptions) throws -> FakeAzureOptions {
        var azure = FakeAzureOptions()
        azure.listen = options.listen
        azure.usesTLS = options.usesTLS
        azure.acceptsAnyIdentity = options.acceptsAnyIdentity
        if let secret = options.clientSecret { azure.clientSecret = secret }
        azure.stateDirectory = "\(options.stateDirectory)/arm"
        azure.recordingFile = options.recordingFile
        if !options.scenarioFile.isEmpty {
            do {
                azure.scenario = try AzureScenario(parsing: DurableFile.read(options.scenarioFile, limit: 1 << 20))
            } catch {
                throw LocalAzureError("the scenario \(options.scenarioFile) cannot be used: \(error)")
            }
        }
        func set(_ field: WritableKeyPath<AzureScenario.Delays, Duration>, _ delay: Duration) {
            if delay > .zero { azure.scenario.delays[keyPath: field] = delay }
        }
        set(\.accept, options.acceptDelay)
        set(\.nic, options.addressDelay)
        set(\.boot, options.bootDelay)
        set(\.operation, options.operationDelay)
        return azure
    }
}

/// Why there is no Azure of this host.
public struct LocalAzureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What is the matter, and what to do about it where that is known.
    public let description: String
    /// Whether another process uses the state directory.
    public let isInUse: Bool

    init(_ reason: String, isInUse: Bool = false) {
        description = "the fake Azure does not start: \(reason)"
        self.isInUse = isInUse
    }
}

extension FakeAzureAccount {
    /// What `cloud-api-adaptor azure` is told in its environment to use it.
    public var environment: [(name: String, value: String)] {
        var variables = [
            ("AZURE_SUBSCRIPTION_ID", subscriptionID), ("AZURE_TENANT_ID", tenantID), ("AZURE_CLIENT_ID", clientID),
            ("AZURE_CLIENT_SECRET", clientSecret.reveal()), ("AZURE_RESOURCE_GROUP", resourceGroup),
            ("AZURE_REGION", region), ("AZURE_SUBNET_ID", subnetID), ("AZURE_NSG_ID", securityGroupID),
            ("AZURE_IMAGE_ID", imageID), ("AZURE_INSTANCE_SIZE", instanceSize), ("AZURE_AUTHORITY_HOST", authorityHost),
            ("AZURE_MANAGEMENT_ENDPOINT", managementEndpoint), ("AZURE_IMDS_ENDPOINT", metadataEndpoint),
        ]
        if !authorityFile.isEmpty { variables.append(("AZURE_CA_FILE", authorityFile)) }
        return variables
    }
}
