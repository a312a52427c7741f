public import LinuxIO
public import Telemetry

/// A fake Azure on this host: a ``FakeAzure`` whose machines are ``LocalMachines``.
///
/// No other process can use its directory meanwhile:
///
///     lock    machines/    arm/    subnet of machines that are hosts    ca.pem with TLS
///     secret    the account's client secret in this run, for its owner alone
public final class LocalAzure: Sendable {
    /// All that an adaptor needs to know to use it.
    public var account: FakeAzureAccount { azure.account }
    private let azure: FakeAzure
    /// How the VMs are reached.
    public var network: MachineNetwork { machines.network }
    private let machines: LocalMachines
    private let lock: FileLock

    /// A fake Azure with the resources and machines of earlier processes; it serves once ``run()`` runs.
    ///
    /// - Throws: ``LocalAzureError``.
    public init(_ options: LocalAzureOptions, on loop: EpollLoop, logger: Logger = .silent) throws(LocalAzureError) {
        var options = options
        // Machines have other working directories, and paths of sockets are compared.
        if !options.stateDirectory.hasPrefix("/") {
            options.stateDirectory = "\(SystemInfo.workingDirectory)/\(options.stateDirectory)"
        }
        let directory = options.stateDirectory
        do {
            let place = try Directory.own(directory, makingWith: 0o700)
            guard let lock = try FileLock.take("lock", in: place) else {
                throw LocalAzureError(
                    "\(directory) is in use by another fake Azure: give each a directory of its own", isInUse: true)
            }
            self.lock = lock
            var machines = LocalMachines.Options()
            machines.directory = "\(directory)/machines"
            machines.programsDirectory = options.programsDirectory
            machines.isolation = options.network
            machines.forwarderPort = options.forwarderPort
            machines.forwarderFlags = options.forwarderFlags
            machines.virtual = options.virtual
            machines.agentFlags = options.agentFlags
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

    /// Serves until cancelled. The machines and their network stay.
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

/// Why the fake Azure does not start.
public struct LocalAzureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reason, and what to do if that is known.
    public let description: String
    /// Whether another process uses the state directory.
    public let isInUse: Bool

    init(_ reason: String, isInUse: Bool = false) {
        description = "the fake Azure does not start: \(reason)"
        self.isInUse = isInUse
    }
}
