internal import Configuration
internal import FakeAzureLauncher
internal import FakeCloud
internal import LinuxIO
internal import Telemetry

/// The values of the flags of `fake-azure`.
struct FakeAzureServerSettings: Sendable {
    /// The flags that the adaptor has, too.
    var shared = FakeAzureSettings()
    var usesTLS = false
    var listen = "127.0.0.1:0"
    var forwarderPort = 15150
    var environmentFile = ""
    var isSupervised = false
    var logLevel = LogLevel.info
    var logFormat = Logger.Format.automatic

    static let command = Command(
        "fake-azure", summary: "run a fake Azure on this machine, for any number of adaptors",
        details: """
            Serves Azure's Resource Manager, token endpoint and metadata services. Its pod VMs are process trees of \
            this machine, or virtual machines of qemu (-machines). Prints the environment of an adaptor that uses it, one NAME=value per line, then serves \
            until SIGTERM. The VMs keep running after it ends.

                fake-azure -listen 127.0.0.1:8081 -env-file /tmp/azure.env &
                env $(cat /tmp/azure.env) cloud-api-adaptor azure

            For tests only: a client with the account's secret can run programs with the rights of this process. Only \
            this machine can use /control, which serves the scenario and the state.
            """,
        defaults: FakeAzureServerSettings(),
        sections: [
            .init(
                "Flags",
                [
                    Setting(
                        "listen", \Self.listen, .string("ADDRESS:PORT"),
                        "The address to listen on; port 0 takes any free one."),
                    Setting("tls", \.usesTLS, .bool, "Speak TLS, with a certificate made at the start."),
                    Setting(
                        "forwarder-port", environment: "FORWARDER_PORT", \.forwarderPort, .integer(in: 1...65535),
                        "The TCP port of the VMs' forwarders. The adaptors need the same value."),
                    Setting(
                        "env-file", \.environmentFile, .path,
                        """
                        Write the environment to this file instead of printing it. The file appears complete, and only \
                        its owner can read it.
                        """),
                    Setting(
                        "supervised", \.isSupervised, .bool,
                        """
                        Run as a child of another program: print one line of JSON when it serves, or when it cannot \
                        start, and serve until standard input ends. SIGINT and SIGTERM are ignored.
                        """),
                    .logLevel(\.logLevel), .logFormat(\.logFormat),
                ] + FakeAzureSettings.settings(prefix: "").map { $0.within(\.shared) })
        ])

    private func virtualMachines() throws(ConfigurationError) -> VirtualMachineOptions {
        var virtual = VirtualMachineOptions()
        guard shared.machines == "virtual" else {
            if !shared.image.isEmpty { throw ConfigurationError("-vm-image needs -machines=virtual") }
            return virtual
        }
        if shared.image.isEmpty { throw ConfigurationError("-machines=virtual needs -vm-image, a raw image") }
        guard let accelerator = VirtualMachineOptions.Accelerator(rawValue: shared.accelerator) else {
            throw ConfigurationError("-vm-accelerator: \(shared.accelerator) is not known")
        }
        // Machines have other working directories.
        virtual.image = shared.image.hasPrefix("/") ? shared.image : "\(SystemInfo.workingDirectory)/\(shared.image)"
        virtual.firmware = shared.firmware
        virtual.memory = shared.memory
        virtual.limit = shared.machineLimit
        virtual.accelerator = accelerator
        return virtual
    }

    /// The options of the fake Azure.
    ///
    /// - Throws: ``ConfigurationError`` when flags contradict each other or the address is not valid.
    func options() throws(ConfigurationError) -> LocalAzureOptions {
        if isSupervised, !environmentFile.isEmpty {
            throw ConfigurationError("-env-file and -supervised exclude each other")
        }
        guard let network = MachineIsolation(rawValue: shared.network) else {
            throw ConfigurationError("-network: \(shared.network) is not known")
        }
        var options = LocalAzureOptions()
        options.usesTLS = usesTLS
        options.network = network
        options.stateDirectory = shared.stateDirectory
        options.programsDirectory = shared.programsDirectory
        options.forwarderFlags = shared.forwarderFlags
        options.virtual = try virtualMachines()
        options.agentFlags = shared.agentFlags
        options.scenarioFile = shared.scenarioFile
        options.recordingFile = shared.recordingFile
        options.acceptsAnyIdentity = shared.acceptsAnyIdentity
        options.acceptDelay = shared.acceptDelay
        options.addressDelay = shared.addressDelay
        options.bootDelay = shared.bootDelay
        options.operationDelay = shared.operationDelay
        options.forwarderPort = UInt16(clamping: forwarderPort)
        do throws(AddressError) {
            options.listen = try SocketAddress(parsing: listen)
        } catch {
            throw ConfigurationError("-listen: \(error)")
        }
        return options
    }
}
