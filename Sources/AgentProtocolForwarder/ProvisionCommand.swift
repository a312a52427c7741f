internal import Configuration
internal import LinuxIO
internal import PodVMBoot

/// `agent-protocol-forwarder provision`: writes what user data brings, once, before anything else starts.
enum ProvisionCommand {
    struct Options: Sendable {
        var userData = ""
        var root = GuestFile.directory
    }

    private static let command = Command(
        "agent-protocol-forwarder provision", summary: "write the files that the VM's user data brings",
        details: """
            Checks the whole of the user data, then writes its files, or none. Only these may be written: \
            \(GuestFile.allCases.map(\.path).joined(separator: ", ")).
            """,
        defaults: Options(),
        sections: [
            .init(
                "Flags",
                [
                    Setting("user-data", \.userData, .path, "The user data: a cloud-config, or the base64 of one."),
                    Setting("root", \.root, .path, "The directory that stands for \(GuestFile.directory)."),
                ])
        ])

    static func entry(_ output: Program.Output) -> Program.Entry {
        Program.Entry("provision", command) { (options, _, _) throws(ConfigurationError) in
            guard !options.userData.isEmpty else {
                throw ConfigurationError("-user-data is missing: it names the file with the VM's user data")
            }
            do {
                for path in try provision(options) { output.standard("wrote \(path)\n") }
                return 0
            } catch {
                output.error("\(command.name): \(error)\n")
                return 1
            }
        }
    }

    private static func provision(_ options: Options) throws -> [String] {
        let userData = try DurableFile.read(options.userData, limit: CloudConfig.sizeLimit)
        return try Provisioner(directory: options.root).provision(userData: userData)
    }
}
