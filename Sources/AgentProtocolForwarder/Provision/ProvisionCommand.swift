internal import Configuration
internal import LinuxIO
internal import PodVMBoot
internal import ProcessHardening

/// `agent-protocol-forwarder provision`: writes what user data brings, once, before anything else starts.
enum ProvisionCommand {
    struct Options: Sendable {
        var userData = ""
        var endpoint = ""
        var root = GuestFile.directory
        var allowsUnmeasured = false
        var systemCallFilter = SystemCallFilter.Mode.enforce
    }

    private static let command = Command(
        "agent-protocol-forwarder provision", summary: "write the files that the VM's user data brings",
        details: """
            Takes user data from -user-data, or from the metadata service at -imds-endpoint; without either, from \
            \(UserDataSource.configurationDisk) if it is there, else from Azure's metadata service, which is asked \
            again and again for up to \(MetadataRetry().limit.components.seconds) s.

            Checks the whole of it, then writes its files, or none. Only these are written: \
            \(names(measured: false)). Others in \(GuestFile.directory) are skipped with a warning. Refused are files \
            elsewhere, and those that only measured initdata may decide: \(names(measured: true)), policy.rego and \
            initdata.digest.
            """,
        defaults: Options(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("user-data", \.userData, .path, "The user data: a cloud-config, or the base64 of one."),
                    Setting(
                        "imds-endpoint", environment: "AZURE_IMDS_ENDPOINT", \.endpoint, .string("URL"),
                        "The metadata service. Azure's is \(MetadataEndpoint.azure)."),
                    Setting("root", \.root, .path, "The directory that stands for \(GuestFile.directory)."),
                    Setting(
                        "unmeasured-attestation", \.allowsUnmeasured, .bool,
                        "Let user data, which nothing measures, bring \(names(measured: true)): the node then decides what"
                            + " the VM attests. For an image whose guests keep no secrets from the node."),
                    Setting(
                        "seccomp", environment: "SECCOMP", \.systemCallFilter,
                        .choice(SystemCallFilter.Mode.allCases.map { ($0.rawValue, $0) }),
                        "What happens to system calls that it does not need; log only notes them in the audit log."),
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
                    output.error("\(command.name): warning: \(name) is skipped: this guest has no use for it\n")
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
