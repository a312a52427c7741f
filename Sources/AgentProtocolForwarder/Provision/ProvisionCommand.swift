internal import Configuration
internal import LinuxIO
internal import PodVMBoot
internal import ProcessHardening

/// `agent-protocol-forwarder provision`: writes the files of the user data, once, before other units start.
enum ProvisionCommand {
    struct Options: Sendable {
        var userData = ""
        var endpoint = ""
        var root = GuestFile.directory
        var allowsUnmeasured = false
        var systemCallFilter = SystemCallFilter.Mode.enforce
    }

    private static let command = Command(
        "agent-protocol-forwarder provision", summary: "write the files from the VM's user data",
        details: """
            Takes user data from -user-data, or from the metadata service at -imds-endpoint. Without either, from \
            \(UserDataSource.configurationDisk) if it exists, else from Azure's metadata service, which is asked repeatedly \
            for up to \(MetadataRetry().limit.components.seconds) s.

            Checks all of the user data, then writes all of its files or none. Only these are written: \
            \(names(measured: false)). Other files in \(GuestFile.directory) are skipped with a warning. Files elsewhere are \
            refused, and so are files that may come only from measured initdata: \(names(measured: true)), policy.rego and \
            initdata.digest.
            """,
        defaults: Options(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("user-data", \.userData, .path, "The user data: a cloud-config, plain or in base64."),
                    Setting(
                        "imds-endpoint", environment: "AZURE_IMDS_ENDPOINT", \.endpoint, .string("URL"),
                        "The metadata service. Azure's is \(MetadataEndpoint.azure)."),
                    Setting("root", \.root, .path, "The directory that stands for \(GuestFile.directory)."),
                    Setting(
                        "unmeasured-attestation", \.allowsUnmeasured, .bool,
                        "Accept \(names(measured: true)) from user data, which is not measured: the node then decides what"
                            + " the VM attests. For images whose guests have no secrets from the node."),
                    .systemCallFilter(\.systemCallFilter),
                ])
        ])

    private static func names(measured: Bool) -> String {
        GuestFile.allCases.filter { $0.isMeasured == measured }.map(\.rawValue).joined(separator: ", ")
    }

    static func entry(_ output: Program.Output, dropsPrivileges: Bool) -> Program.Entry {
        Program.Entry("provision", command) { (options, _, _) throws(ConfigurationError) in
            let source = try UserDataSource.choose(file: options.userData, endpoint: options.endpoint)
            do {
                if dropsPrivileges { try Hardening.provision.apply(options.systemCallFilter) }
                let userData = try source.read(MetadataRetry()) { output.error("\(command.name): \($0)\n") }
                let provisioner = Provisioner(
                    directory: options.root, allowsUnmeasured: options.allowsUnmeasured)
                let outcome = try provisioner.provision(userData: userData)
                for name in outcome.skipped {
                    output.error("\(command.name): warning: \(name) is skipped: this guest does not use it\n")
                }
                for path in outcome.written { output.standard("wrote \(path)\n") }
                return 0
            } catch {
                output.error("\(command.name): \(error)\n")
                return 1
            }
        }
    }
}
