internal import Configuration
internal import LinuxIO
internal import MeasuredBoot
internal import PodVMBoot
internal import ProcessHardening

/// `agent-protocol-forwarder provision`: measures the initdata and writes the files of the user data, once, before
/// other units start.
enum ProvisionCommand {
    struct Options: Sendable {
        var userData = ""
        var endpoint = ""
        var allowsConfigurationDisk = false
        var seconds = Int(MetadataRetry().limit.components.seconds)
        var root = GuestFile.directory
        var tpm = TPMDevice.path
        var requiresInitdata = true
        var defaultPolicy = ""
        var allowsUnmeasured = false
        var systemCallFilter = SystemCallFilter.Mode.enforce
    }

    private static func command(_ name: String) -> Command<Options> {
        Command(
            name, summary: "measure the initdata, and write the files from the VM's user data",
            details: """
                Takes user data from -user-data, or from the metadata service at -imds-endpoint. Without either, from \
                Azure's metadata service, which is asked repeatedly; with -configuration-disk, from \
                \(UserDataSource.configurationDisk) if it exists.

                Checks all of the user data, extends PCR 8 of the TPM with the digest of its initdata, then writes all \
                files or none. From user data only these are written: \(names(measured: false)). Other files in \
                \(GuestFile.directory) are skipped with a warning. Files elsewhere are refused, and so are files that may \
                come only from measured initdata: \(names(measured: true)), policy.rego and initdata.digest. A VM is \
                provisioned once.

                The environment variables of these flags belong to the image, for example in the unit's \
                EnvironmentFile. User data cannot change them.
                """,
            defaults: Options(), sections: [source, image, process])
    }

    private static let source = Command<Options>.Section(
        "Source",
        [
            Setting("user-data", \.userData, .path, "The user data: a cloud-config, plain or in base64."),
            Setting(
                "imds-endpoint", environment: "AZURE_IMDS_ENDPOINT", \.endpoint, .string("URL"),
                "The metadata service. Azure's is \(MetadataEndpoint.azure)."),
            Setting(
                "configuration-disk", environment: "PROVISION_CONFIGURATION_DISK", \.allowsConfigurationDisk, .bool,
                "Prefer a disk with user data, which is mounted at \(UserDataSource.configurationDisk)."),
            Setting(
                "t", \.seconds, .integer(in: 1...3600), "The seconds within which the metadata service must answer."),
        ])

    private static let image = Command<Options>.Section(
        "Rules of the image",
        [
            Setting(
                "tpm", environment: "PROVISION_TPM", \.tpm, .path,
                "The TPM that measures the initdata; none for a VM without one, whose initdata is then not measured."),
            Setting(
                "require-initdata", environment: "PROVISION_REQUIRE_INITDATA", \.requiresInitdata, .bool,
                "Refuse user data without initdata."),
            Setting(
                "default-policy", environment: "PROVISION_DEFAULT_POLICY", \.defaultPolicy, .path,
                "The agent's policy if the initdata has none. Without this flag such a policy denies every request."),
            Setting(
                "unmeasured-attestation", \.allowsUnmeasured, .bool,
                "Accept \(names(measured: true)) from user data, which is not measured: the node then decides what"
                    + " the VM attests. For images whose guests have no secrets from the node."),
        ])

    private static let process = Command<Options>.Section(
        "Process",
        [
            Setting("root", \.root, .path, "The directory that stands for \(GuestFile.directory)."),
            .systemCallFilter(\.systemCallFilter),
        ])

    private static func names(measured: Bool) -> String {
        GuestFile.allCases.filter { $0.isMeasured == measured }.map(\.rawValue).joined(separator: ", ")
    }

    /// The command as an entry of `program`, with the word `word`.
    static func entry(
        _ word: String = "provision", of program: String = "agent-protocol-forwarder", output: Program.Output,
        dropsPrivileges: Bool
    ) -> Program.Entry {
        let command = command("\(program) \(word)")
        return Program.Entry(word, command) { (options, _, _) throws(ConfigurationError) in
            let source = try UserDataSource.choose(
                file: options.userData, endpoint: options.endpoint, allowsDisk: options.allowsConfigurationDisk)
            let tell = { @Sendable (text: String) in output.error("\(command.name): \(text)\n") }
            do {
                if dropsPrivileges { try Hardening.provision.apply(options.systemCallFilter) }
                let outcome = try provision(options, from: source, tell: tell)
                for name in outcome.skipped { tell("warning: \(name) is skipped: this guest does not use it") }
                for path in outcome.written { output.standard("wrote \(path)\n") }
                return 0
            } catch {
                tell("\(error)")
                return 1
            }
        }
    }

    private static func provision(
        _ options: Options, from source: UserDataSource, tell: @escaping @Sendable (String) -> Void
    ) throws -> Provisioner.Outcome {
        var rules = Provisioner.Rules()
        rules.allowsUnmeasured = options.allowsUnmeasured
        rules.requiresInitdata = options.requiresInitdata
        if !options.defaultPolicy.isEmpty {
            rules.defaultPolicy = String(
                decoding: try DurableFile.read(options.defaultPolicy, limit: Initdata.sizeLimit), as: UTF8.self)
        }
        var retry = MetadataRetry()
        retry.limit = .seconds(options.seconds)
        let userData = try source.read(retry, tell: tell)
        return try Provisioner(directory: options.root, rules: rules).provision(userData: userData) { digest in
            try GuestTPM(options.tpm).measure(digest, tell: tell)
        }
    }
}

/// `process-user-data`: the Go project's name of provisioning, for images whose units call it.
enum ProcessUserData {
    static let name = "process-user-data"

    static func program(_ output: Program.Output, dropsPrivileges: Bool) -> Program {
        Program(
            name, version: ProjectVersion.text, summary: "provision this pod VM",
            entries: [
                ProvisionCommand.entry("provision-files", of: name, output: output, dropsPrivileges: dropsPrivileges)
            ],
            output: output)
    }
}
