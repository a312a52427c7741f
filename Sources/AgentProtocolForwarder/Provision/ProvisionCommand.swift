internal import Configuration
internal import LinuxIO
internal import PodVMBoot

/// `agent-protocol-forwarder provision`: writes what user data brings, once, before anything else starts.
enum ProvisionCommand {
    struct Options: Sendable {
        var userData = ""
        var endpoint = ""
        var root = GuestFile.directory
    }

    private static let command = Command(
        "agent-protocol-forwarder provision", summary: "write the files that the VM's user data brings",
        details: """
            Takes user data from -user-data, or from the metadata service at -imds-endpoint; without either, from \
            \(UserDataSource.configurationDisk) if it is there, else from Azure's metadata service, which is asked \
            again and again for up to \(MetadataRetry().limit.components.seconds) s.

            Checks the whole of it, then writes its files, or none. Only these may be written: \
            \(GuestFile.allCases.map(\.path).joined(separator: ", ")).
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
                ])
        ])

    static func entry(_ output: Program.Output) -> Program.Entry {
        Program.Entry("provision", command) { (options, _, _) throws(ConfigurationError) in
            let source = try UserDataSource.choose(file: options.userData, endpoint: options.endpoint)
            do {
                let userData = try source.read(MetadataRetry()) { output.error("\(command.name): \($0)\n") }
                for path in try Provisioner(directory: options.root).provision(userData: userData) {
                    output.standard("wrote \(path)\n")
                }
                return 0
            } catch {
                output.error("\(command.name): \(error)\n")
                return 1
            }
        }
    }
}
